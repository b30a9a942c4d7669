#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "connectors/http/credentials.h"
#include "engine/credential_spaces.h"
#include "engine/webhook.h"

namespace settle {

/// What the outbox may do with URLs and credentials, by the configuration: https only and public addresses only, but
/// for origins that `allow_private` lists (as Origin::text has them). `spaces` says who may name which credential.
WebhookPorts webhook_ports(std::shared_ptr<const CredentialStore> credentials, CredentialSpaces spaces,
                           std::vector<std::string> allow_private);

}  // namespace settle
