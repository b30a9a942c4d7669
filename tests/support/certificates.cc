#include "tests/support/certificates.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <memory>

#include "base/error.h"

namespace settle::test {
namespace {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using X509Pointer = std::unique_ptr<X509, Freer<X509_free>>;

Bio reader(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string text_of(const Bio& bio) {
  char* bytes = nullptr;
  const long count = BIO_get_mem_data(bio.get(), &bytes);
  return std::string(bytes, static_cast<std::size_t>(count));
}

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  SETTLE_ASSERT(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509Pointer blank(EVP_PKEY* key, const std::string& name, bool expired) {
  X509Pointer certificate(X509_new());
  std::uint32_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), static_cast<long>(serial >> 1) + 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), expired ? -2 * 86400 : -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), expired ? -86400 : 3600);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return certificate;
}

Certificate signed_by(X509* certificate, EVP_PKEY* key, EVP_PKEY* signer) {
  SETTLE_ASSERT(X509_sign(certificate, signer, EVP_sha256()) > 0);
  const Bio certificate_out(BIO_new(BIO_s_mem())), key_out(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(certificate_out.get(), certificate);
  PEM_write_bio_PrivateKey(key_out.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return {text_of(certificate_out), text_of(key_out)};
}

}  // namespace

Certificate make_authority(const std::string& name) {
  const Key key(EVP_EC_gen("P-256"));
  const X509Pointer certificate = blank(key.get(), name, false);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  add_extension(certificate.get(), certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate.get(), certificate.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  return signed_by(certificate.get(), key.get(), key.get());
}

Certificate make_certificate(const std::string& subject_alternative_names, const Certificate* authority, bool expired) {
  const Key key(EVP_EC_gen("P-256"));
  const X509Pointer certificate = blank(key.get(), "server", expired);
  if (authority == nullptr) {
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
    add_extension(certificate.get(), certificate.get(), NID_subject_alt_name, subject_alternative_names);
    return signed_by(certificate.get(), key.get(), key.get());
  }
  const X509Pointer issuer(PEM_read_bio_X509(reader(authority->certificate).get(), nullptr, nullptr, nullptr));
  const Key signer(PEM_read_bio_PrivateKey(reader(authority->key).get(), nullptr, nullptr, nullptr));
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer.get()));
  add_extension(certificate.get(), issuer.get(), NID_subject_alt_name, subject_alternative_names);
  return signed_by(certificate.get(), key.get(), signer.get());
}

std::string with_passphrase(const std::string& key, const std::string& passphrase) {
  const Key plain(PEM_read_bio_PrivateKey(reader(key).get(), nullptr, nullptr, nullptr));
  const Bio out(BIO_new(BIO_s_mem()));
  SETTLE_ASSERT(PEM_write_bio_PrivateKey(out.get(), plain.get(), EVP_aes_256_cbc(),
                                         reinterpret_cast<const unsigned char*>(passphrase.data()),
                                         static_cast<int>(passphrase.size()), nullptr, nullptr) == 1);
  return text_of(out);
}

TemporaryFile::TemporaryFile(const std::string& text)
    : path_((std::filesystem::temp_directory_path() / "settle-test-XXXXXX").string()) {
  const int file = mkstemp(path_.data());
  SETTLE_ASSERT(file >= 0);
  SETTLE_ASSERT(write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  ::close(file);
}

TemporaryFile::~TemporaryFile() {
  unlink(path_.c_str());
}

}  // namespace settle::test
