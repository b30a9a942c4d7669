#include "cli/webhook_ports.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>

#include "base/text.h"
#include "connectors/http/address_policy.h"
#include "connectors/http/origin.h"

namespace settle {
namespace {

Error refused(std::string code, std::string expected, const std::string& got, std::string message) {
  std::string text = message;
  return fail(ErrorCode::invalid_argument, std::move(text),
              {{"/url", std::move(code), std::move(expected), shorten(got, 100), std::move(message)}});
}

Error refused_credential(const std::string& name, const std::string& why) {
  const std::string text = "credential \"" + shorten(name, 60) + "\" " + why;
  return fail(ErrorCode::invalid_argument, text,
              {{"/credential", "credential_not_here", "a credential of kind webhook that is open to this namespace",
                shorten(name, 60), text}});
}

std::optional<Origin> origin_of_url(const std::string& url) {
  const std::optional<SplitUrl> split = split_url(url);
  return split ? parse_origin(split->origin) : std::nullopt;
}

class Ports {
 public:
  Ports(std::shared_ptr<const CredentialStore> credentials, CredentialSpaces spaces,
        std::vector<std::string> allow_private)
      : credentials_(std::move(credentials)), spaces_(std::move(spaces)), allow_private_(std::move(allow_private)) {}

  /// A credential goes to its own origins only, and those the owner of the configuration has named.
  bool may_be_private(const std::string& url, const std::string& name) const {
    const std::optional<Origin> origin = origin_of_url(url);
    if (!origin) return false;
    if (std::find(allow_private_.begin(), allow_private_.end(), origin->text) != allow_private_.end()) return true;
    const Credential* credential = name.empty() ? nullptr : credentials_->find(name);
    return credential != nullptr && credential->signs() && credential->allows(origin->text);
  }

  Result<void> check_url(const std::string& url, const std::string& name) const {
    const std::optional<Origin> origin = origin_of_url(url);
    if (!origin)
      return refused("not_a_url", "an absolute https URL without user information and fragment", url,
                     "\"url\" is no URL that can be called");
    const Credential* credential = name.empty() ? nullptr : credentials_->find(name);
    if (credential != nullptr && !credential->allows(origin->text))
      return refused("credential_origin", "an origin of the credential", origin->text,
                     "credential \"" + name + "\" may not be used for " + origin->text);
    if (may_be_private(url, name)) return {};
    if (!origin->tls)
      return refused("url_not_https", "https://…", url,
                     "events go over https only, but to origins that [webhooks] allow_private names");
    if (!origin->literal) return {};
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(origin->host, error);
    if (!error && is_allowed(address, AddressPolicy::public_only)) return {};
    return refused("url_private", "a public address, or an origin that [webhooks] allow_private names", url,
                   "events do not go to private addresses");
  }

  Result<void> check_credential(const std::string& name, const std::string& name_space) const {
    const Credential* credential = credentials_->find(name);
    // Whether it is there is told to those only who may use it.
    if (credential == nullptr || !spaces_.is_open_to(name, name_space))
      return refused_credential(name, "is not configured for this namespace");
    if (!credential->signs()) return refused_credential(name, "is not of kind webhook, so it signs nothing");
    return {};
  }

  std::optional<std::string> sign(const std::string& name, std::string_view message) const {
    const Credential* credential = credentials_->find(name);
    if (credential == nullptr || !credential->signs()) return std::nullopt;
    return credential->sign(message);
  }

 private:
  const std::shared_ptr<const CredentialStore> credentials_;
  const CredentialSpaces spaces_;
  const std::vector<std::string> allow_private_;
};

}  // namespace

WebhookPorts webhook_ports(std::shared_ptr<const CredentialStore> credentials, CredentialSpaces spaces,
                           std::vector<std::string> allow_private) {
  const auto ports = std::make_shared<const Ports>(std::move(credentials), std::move(spaces), std::move(allow_private));
  WebhookPorts out;
  out.check_url = [ports](const std::string& url, const std::string& name) { return ports->check_url(url, name); };
  out.may_be_private = [ports](const std::string& url, const std::string& name) {
    return ports->may_be_private(url, name);
  };
  out.check_credential = [ports](const std::string& name, const std::string& name_space) {
    return ports->check_credential(name, name_space);
  };
  out.sign = [ports](const std::string& name, std::string_view message) { return ports->sign(name, message); };
  return out;
}

}  // namespace settle
