#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "api/access.h"
#include "api/router.h"

namespace settle {

/// The answers of one loop that may be long in coming: waits and live feeds. They end when the token of whoever asked
/// is revoked or expires, waits with 401, feeds by their end. Loop: its own.
class OpenAnswers : public std::enable_shared_from_this<OpenAnswers> {
 public:
  OpenAnswers(AccessGate gate, Loop& loop) : gate_(gate), loop_(loop) {}

  /// Puts a responder in place of the request's that can be ended from here; what is said to it after that is dropped.
  void watch(Ask& ask);
  /// Ends those of a token that no longer stands.
  void end(const std::string& token_id);
  /// Answers that are open now.
  std::size_t count() const;

  /// One of them; internal to open_answers.cc.
  struct Open;

 private:
  struct OfToken {
    std::map<std::uint64_t, std::weak_ptr<Open>> open;
    std::optional<std::uint64_t> timer;  ///< when it expires
  };
  void expire_in_time(const std::string& id, Time expires_at);
  /// Forgets it, from whatever loop. Thread: any.
  void drop(const std::string& token_id, std::uint64_t number);
  void forget(const std::string& token_id, std::uint64_t number);

  const AccessGate gate_;
  Loop& loop_;
  std::map<std::string, OfToken> tokens_;
  std::uint64_t next_ = 1;
};

}  // namespace settle
