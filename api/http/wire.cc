#include "api/http/wire.h"

#include <openssl/x509v3.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/write.hpp>

#include "api/http/octets.h"

namespace settle {
namespace {

using boost::system::error_code;
namespace ssl = boost::asio::ssl;

Error unreachable(const error_code& ec) {
  return fail(ErrorCode::unreachable, ec.message());
}

// The certificate has to name the host, or its address (RFC 9110 §4.3.4); a name goes out as SNI, an address does not
// (RFC 6066 §3).
void expect_peer(SSL& connection, const std::string& host) {
  X509_VERIFY_PARAM* const expected = SSL_get0_param(&connection);
  error_code no_address;
  boost::asio::ip::make_address(host, no_address);
  bool done = false;
  if (!no_address) {
    done = X509_VERIFY_PARAM_set1_ip_asc(expected, host.c_str()) == 1;
  } else {
    X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    done = X509_VERIFY_PARAM_set1_host(expected, host.c_str(), host.size()) == 1 &&
           SSL_set_tlsext_host_name(&connection, host.c_str()) == 1;
  }
  if (!done) throw boost::system::system_error(boost::asio::error::invalid_argument);
}

bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

Result<ServerAddress> parse_base_url(std::string_view url) {
  const Error wrong = fail(ErrorCode::invalid_argument, "\"" + std::string(url) +
                                                            "\" is no address of a Settle server; write it as "
                                                            "http://127.0.0.1:8700 or https://settle.example.com");
  ServerAddress out;
  out.tls = url.starts_with("https://");
  if (!out.tls && !url.starts_with("http://")) return wrong;
  url.remove_prefix(out.tls ? 8 : 7);
  if (!is_visible(url) || url.find_first_of("?#@\\") != std::string_view::npos) return wrong;

  const std::size_t slash = std::min(url.find('/'), url.size());
  out.authority = url.substr(0, slash);
  out.prefix = url.substr(slash);
  while (out.prefix.ends_with('/')) out.prefix.pop_back();

  const std::size_t bracket = out.authority.find(']');
  const std::size_t colon = out.authority.find(':', bracket == std::string::npos ? 0 : bracket);
  out.host = out.authority.substr(0, colon);
  out.port = colon == std::string::npos ? (out.tls ? "443" : "80") : out.authority.substr(colon + 1);
  if (out.host.starts_with('[') && bracket != std::string::npos && bracket + 1 == out.host.size()) {
    out.host = out.host.substr(1, out.host.size() - 2);
  }
  const auto digit = [](char c) { return octets::is_digit(c); };
  const bool port_fits =
      !out.port.empty() && out.port.size() <= 5 && std::all_of(out.port.begin(), out.port.end(), digit);
  if (out.host.empty() || out.host.find_first_of("[]") != std::string::npos || !port_fits) return wrong;
  return out;
}

// Runs one asynchronous operation to its end, or to the deadline, at which the socket is closed.
template <class Start>
error_code Wire::await(Deadline deadline, Start start) {
  std::optional<error_code> outcome;
  start([&outcome](const error_code& ec, const auto&...) { outcome = ec; });
  loop_.restart();
  while (!outcome && loop_.run_one_until(deadline) > 0) {
  }
  if (outcome) return *outcome;

  error_code ignored;
  resolver_.cancel();
  socket_.close(ignored);
  loop_.restart();
  loop_.run();  // the handler refers to `outcome`
  return boost::asio::error::timed_out;
}

Result<void> Wire::open(const ServerAddress& address, Deadline deadline) {
  Tcp::resolver::results_type found;
  error_code ec = await(deadline, [&](auto done) {
    resolver_.async_resolve(address.host, address.port, [&found, done](const error_code& failed, auto results) {
      found = std::move(results);
      done(failed);
    });
  });
  if (ec) return unreachable(ec);
  ec = await(deadline, [&](auto done) { boost::asio::async_connect(socket_, found, done); });
  if (ec) return unreachable(ec);
  socket_.set_option(Tcp::no_delay(true), ec);
  return address.tls ? open_tls(address.host, deadline) : Result<void>();
}

Result<void> Wire::prepare_tls(const std::string& host) {
  const std::string* file = nullptr;
  try {
    tls_context_.emplace(ssl::context::tls_client);
    SSL_CTX_set_min_proto_version(tls_context_->native_handle(), TLS1_2_VERSION);
    tls_context_->set_password_callback([](std::size_t, auto) { return std::string(); });  // never asks the terminal
    tls_context_->set_default_verify_paths();
    if (!trust_.ca_file.empty()) tls_context_->load_verify_file(*(file = &trust_.ca_file));
    if (!trust_.certificate_file.empty()) {
      tls_context_->use_certificate_chain_file(*(file = &trust_.certificate_file));
      file = trust_.key_file.empty() ? &trust_.certificate_file : &trust_.key_file;
      tls_context_->use_private_key_file(*file, ssl::context::pem);
    }
    file = nullptr;
    tls_context_->set_verify_mode(ssl::verify_peer);
    tls_.emplace(socket_, *tls_context_);
    expect_peer(*tls_->native_handle(), host);
  } catch (const boost::system::system_error& error) {
    if (file != nullptr)
      return fail(ErrorCode::invalid_argument, "the file " + *file + " can't be used: " + error.code().message());
    return unreachable(error.code());
  }
  return {};
}

Result<void> Wire::open_tls(const std::string& host, Deadline deadline) {
  if (Result<void> prepared = prepare_tls(host); !prepared) return prepared;

  const error_code ec = await(deadline, [&](auto done) { tls_->async_handshake(ssl::stream_base::client, done); });
  if (!ec) return {};
  const long verdict = SSL_get_verify_result(tls_->native_handle());
  if (verdict == X509_V_OK) return unreachable(ec);
  return fail(ErrorCode::unreachable, std::string("the server's certificate was refused: ") +
                                          X509_verify_cert_error_string(verdict) +
                                          "; if you trust its authority, name it with --ca FILE");
}

Result<void> Wire::write(std::string_view bytes, Deadline deadline) {
  const auto buffer = boost::asio::buffer(bytes);
  const error_code ec = await(deadline, [&](auto done) {
    tls_ ? boost::asio::async_write(*tls_, buffer, done) : boost::asio::async_write(socket_, buffer, done);
  });
  return ec ? Result<void>(unreachable(ec)) : Result<void>();
}

Result<std::size_t> Wire::read(char* to, std::size_t bytes_max, Deadline deadline) {
  const auto buffer = boost::asio::buffer(to, bytes_max);
  std::size_t read = 0;
  const error_code ec = await(deadline, [&](auto done) {
    const auto note = [&read, done](const error_code& failed, std::size_t bytes) {
      read = bytes;
      done(failed);
    };
    tls_ ? tls_->async_read_some(buffer, note) : socket_.async_read_some(buffer, note);
  });
  if (ec == boost::asio::error::eof) return std::size_t{0};
  if (ec) return unreachable(ec);
  return read;
}

}  // namespace settle
