#include "connectors/http/tls.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

namespace settle {

boost::asio::ssl::context make_tls_context(const std::string& ca_file, std::string& error) {
  boost::asio::ssl::context context(boost::asio::ssl::context::tls_client);
  boost::system::error_code failed;
  context.set_verify_mode(boost::asio::ssl::verify_peer, failed);
  if (!failed && SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION) != 1)
    error = "TLS 1.2 is not available";
  if (!failed) context.set_default_verify_paths(failed);
  if (failed) error = "the system's root certificates can't be used: " + failed.message();
  if (!ca_file.empty()) {
    context.load_verify_file(ca_file, failed);
    if (failed) error = "the file of root certificates " + ca_file + " can't be used: " + failed.message();
  }
  static constexpr unsigned char protocols[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  if (SSL_CTX_set_alpn_protos(context.native_handle(), protocols, sizeof protocols) != 0) error = "ALPN can't be set";
  return context;
}

bool expect_peer(SSL& connection, const Origin& origin) {
  X509_VERIFY_PARAM* expected = SSL_get0_param(&connection);
  if (origin.literal) return X509_VERIFY_PARAM_set1_ip_asc(expected, origin.host.c_str()) == 1;
  X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (X509_VERIFY_PARAM_set1_host(expected, origin.host.c_str(), origin.host.size()) != 1) return false;
  return SSL_ctrl(&connection, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                  const_cast<char*>(origin.host.c_str())) == 1;
}

std::string handshake_failure(const SSL& connection, const std::string& message) {
  const long verdict = SSL_get_verify_result(&connection);
  return verdict == X509_V_OK ? message : X509_verify_cert_error_string(verdict);
}

bool has_unread_bytes(const SSL& connection) {
  return SSL_has_pending(&connection) == 1 || BIO_ctrl_pending(SSL_get_rbio(&connection)) > 0;
}

void wipe(std::string& text) {
  OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

}  // namespace settle
