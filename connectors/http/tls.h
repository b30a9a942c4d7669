#pragma once

#include <openssl/ssl.h>

#include <boost/asio/ssl/context.hpp>
#include <string>

#include "connectors/http/origin.h"

namespace settle {

/// A client context: TLS 1.2 or later, the chain verified against the system's roots and, if given, those of `ca_file`
/// (PEM). There is no way to switch the verification off. `error` says what is wrong when `ca_file` can't be used.
boost::asio::ssl::context make_tls_context(const std::string& ca_file, std::string& error);

/// Tells the connection whom it must meet: the certificate has to name the origin's host, or its address (RFC 6125,
/// 9110 §4.3.4); names go out as SNI too. False when OpenSSL refuses.
bool expect_peer(SSL& connection, const Origin& origin);

/// Why a handshake failed, for people: the verification's own words when that was it, else `message`.
std::string handshake_failure(const SSL& connection, const std::string& message);

/// Bytes have come that no read has taken yet.
bool has_unread_bytes(const SSL& connection);

/// Overwrites the text so that the compiler can't leave it out, and empties it.
void wipe(std::string& text);

}  // namespace settle
