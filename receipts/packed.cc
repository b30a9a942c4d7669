#include "receipts/packed.h"

#include <zstd.h>

#include <memory>

#include "base/error.h"

namespace settle {
namespace {

constexpr char by_dictionary_1 = 1;

/// Fast and nearly as short as the slower ones: most of what is left are digests.
constexpr int level = -3;

/// No receipt is longer (it holds one input and one answer, and shortened values of checks).
constexpr unsigned long long receipt_bytes_max = 256ULL << 20;

/// What receipts repeat, the most common last. Part of the store's format: it must never change, only be followed by
/// another one under another first byte.
constexpr std::string_view dictionary_1 =
    R"("elements":{"total":,"failed":,"first_failed":},"at":"/0/","operator":"absent","operator":"less","operator":"within",)"
    R"("fallback":{"code":"http_404","effect":"none","for":"rcp_wf_.1","tool":{"name":","version":"sha256:)"
    R"("operator":{"said":"did_not_happen","who":","seen":","at":","by":"said":"happened","who":")"
    R"("approvals":[{"approvers":1,"decisions":[{"at":"2026-12-01T10:00:00.000Z","by":","decision":"approved","digest":)"
    R"("sha256:","reason":null},{"at":","decision":"rejected"}],"digest":"sha256:","four_eyes":true}])"
    R"("errors":[{"code":"timeout","message":"no complete answer within 10s"},{"code":"connection_lost","message":")"
    R"({"code":"http_503","message":"the server answered 503"},{"code":"engine_restart","message":"the engine stopped )"
    R"(between the intent and the answer"},{"code":"verification_mismatch","message":"expected , got "},)"
    R"({"code":"success_rule","message":"the tool answered with a failure: {"code":"attempts_exhausted","message":"the )"
    R"(last of attempts ended with "}],"idempotency":{"mode":"lookup","quiet":"2s"},"idempotency":{"mode":"natural"},)"
    R"("idempotency":{"mode":"none"},"confidence":"acknowledged","confidence":"response","confidence":"lookup",)"
    R"("confidence":"state_match","confidence":"operator","confidence":"none","effect":"none","effect":"partial",)"
    R"("effect":"unknown","phase":"in_doubt","phase":"unverified","phase":"reading_back","state":"pending",)"
    R"("state":"failed","state":"cancelled","state":"skipped","state":"executed","next_state":"operator",)"
    R"("next_state":"verified","next_state":"executed","role":"fallback","role":"compensate","status_code":200,)"
    R"("status_code":0,"status_code":204,"status_code":409,"status_code":422,"verification":null,"verification":{)"
    R"("before":{"digest":"sha256:","observed_at":","summary":{"checks":[],"method":"lookup","observed_at":null,)"
    R"("reason":","method":"response","method":"none","method":"clock","method":"signal","method":"workflow",)"
    R"("method":"condition","method":"approval","executed_at":null,"verified_at":null,"started_at":null,"result":null,)"
    R"("input":null,"input_digest":null,"record_id":null,"idempotency_key":null,"element":0,"supersedes":"rcp_wf_)"
    R"({"action":"","approvals":[],"attempt":1,"confidence":"read_back","effect":"complete","element":null,"errors":[],)"
    R"("executed_at":"2026-12-01T10:00:00.000Z","fallback":null,"idempotency":{"mode":"key","window":"24h"},)"
    R"("idempotency_key":"","ids":[""],"input":{"id":"","name":"","email":"","amount":,"currency":"","status":""},)"
    R"("input_digest":"sha256:","issued_at":"2026-12-01T10:00:00.000Z","namespace":"default","next_state":"end",)"
    R"("operator":null,"phase":null,"receipt":"rcp_wf_","record_id":"","result":{"digest":"sha256:","summary":{"id":"",)"
    R"("value":""}},"role":"main","started_at":"2026-12-01T10:00:00.000Z","state":"verified","status_code":201,)"
    R"("supersedes":null,"tool":{"name":"","version":"sha256:"},"verification":{"checks":[{"actual":"","at":"/id",)"
    R"("expected":"","ok":true,"operator":"equals"},{"actual":"","at":"/","expected":"","ok":false,"operator":"equals"}],)"
    R"("method":"read_back","observed_at":"2026-12-01T10:00:00.000Z"},"verified_at":"2026-12-01T10:00:00.000Z",)"
    R"("workflow":"wf_"})";

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* what) const {
    Free(what);
  }
};

/// Each thread has its own; the dictionary is prepared once.
ZSTD_CCtx* packer() {
  static const std::unique_ptr<ZSTD_CDict, Freed<ZSTD_freeCDict>> dictionary(
      ZSTD_createCDict(dictionary_1.data(), dictionary_1.size(), level));
  thread_local const std::unique_ptr<ZSTD_CCtx, Freed<ZSTD_freeCCtx>> context = [] {
    std::unique_ptr<ZSTD_CCtx, Freed<ZSTD_freeCCtx>> made(ZSTD_createCCtx());
    SETTLE_ASSERT(made != nullptr && !ZSTD_isError(ZSTD_CCtx_refCDict(made.get(), dictionary.get())));
    return made;
  }();
  return context.get();
}

ZSTD_DCtx* unpacker() {
  static const std::unique_ptr<ZSTD_DDict, Freed<ZSTD_freeDDict>> dictionary(
      ZSTD_createDDict(dictionary_1.data(), dictionary_1.size()));
  thread_local const std::unique_ptr<ZSTD_DCtx, Freed<ZSTD_freeDCtx>> context = [] {
    std::unique_ptr<ZSTD_DCtx, Freed<ZSTD_freeDCtx>> made(ZSTD_createDCtx());
    SETTLE_ASSERT(made != nullptr && !ZSTD_isError(ZSTD_DCtx_refDDict(made.get(), dictionary.get())));
    return made;
  }();
  return context.get();
}

Error damaged() {
  return fail(ErrorCode::corruption, "a stored receipt can't be read");
}

}  // namespace

std::string pack_receipt(std::string_view canonical) {
  if (canonical.size() > receipt_bytes_max) return std::string(canonical);
  std::string out(1 + ZSTD_compressBound(canonical.size()), by_dictionary_1);
  const std::size_t packed =
      ZSTD_compress2(packer(), out.data() + 1, out.size() - 1, canonical.data(), canonical.size());
  if (ZSTD_isError(packed) || 1 + packed >= canonical.size()) return std::string(canonical);
  out.resize(1 + packed);
  return out;
}

Result<std::string> unpack_receipt(std::string_view stored) {
  if (stored.empty() || stored[0] != by_dictionary_1) return std::string(stored);
  const std::string_view frame = stored.substr(1);
  const unsigned long long bytes = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (bytes == 0 || bytes > receipt_bytes_max) return damaged();  // the error codes are above it, too
  std::string out(bytes, '\0');
  const std::size_t unpacked = ZSTD_decompressDCtx(unpacker(), out.data(), out.size(), frame.data(), frame.size());
  if (ZSTD_isError(unpacked) || unpacked != bytes) return damaged();
  return out;
}

}  // namespace settle
