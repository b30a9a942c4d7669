#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "connectors/http/credentials.h"
#include "engine/webhook.h"

namespace settle {

/// What the outbox may do with URLs and credentials, by the configuration: https only and public addresses only, but
/// for origins that `allow_private` lists (as Origin::text has them). `name_spaces` says who may name which credential.
WebhookPorts webhook_ports(std::shared_ptr<const CredentialStore> credentials,
                           std::map<std::string, std::vector<std::string>, std::less<>> name_spaces,
                           std::vector<std::string> allow_private);

}  // namespace settle
