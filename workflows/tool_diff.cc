#include "workflows/tool_diff.h"

#include <algorithm>
#include <optional>
#include <set>

#include "base/pointer.h"
#include "base/time.h"

namespace settle {
namespace {

std::optional<Duration> duration_of(const Json* value) {
  return value != nullptr && value->is_string() ? parse_duration(value->as_string()) : std::nullopt;
}

/// Whether a lost answer can be settled at all. Which of the other modes is right is the provider's matter.
int strength_of_mode(const std::string& mode) {
  return mode == "none" ? 0 : 1;
}

int rank_of_risk(const std::string& risk) {
  return risk == "read" ? 0 : risk == "write" ? 1 : 2;
}

class ToolDiff {
 public:
  ToolDiff(const Json& before, const Json& after) : before_(before), after_(after) {}

  std::vector<ToolChange> run() {
    static const Json none = Json::object();
    const Json& old_tool = before_.is_object() ? before_ : none;
    const Json& new_tool = after_.is_object() ? after_ : none;
    each_change(old_tool, new_tool, "",
                [&](const std::string& name, const std::string& at, const Json* from, const Json* to) {
                  member(name, at, from, to);
                });
    return std::move(changes_);
  }

 private:
  static Json value(const Json* json) { return json == nullptr ? Json() : *json; }
  static std::string text(const Json* json) { return json != nullptr && json->is_string() ? json->as_string() : ""; }

  static std::vector<std::string> names_of(const Json& a, const Json& b) {
    std::vector<std::string> out;
    for (const Json* document : {&a, &b}) {
      if (!document->is_object()) continue;
      for (const JsonMember& one : document->as_object()) {
        if (std::find(out.begin(), out.end(), one.name) == out.end()) out.push_back(one.name);
      }
    }
    return out;
  }

  /// Calls `visit(name, place, before, after)` for each member that differs; null where there is none.
  template <class Visit>
  static void each_change(const Json& from, const Json& to, const std::string& place, Visit visit) {
    for (const std::string& name : names_of(from, to)) {
      const Json* was = from.find(name);
      const Json* is = to.find(name);
      if (was != nullptr && is != nullptr && *was == *is) continue;
      visit(name, place + "/" + escape_token(name), was, is);
    }
  }

  void add(const std::string& place, const Json* from, const Json* to, std::string code, ChangeImpact impact,
           std::string meaning) {
    const std::string kind = from == nullptr ? "added" : to == nullptr ? "removed" : "changed";
    changes_.push_back({place, kind, std::move(code), impact, value(from), value(to), std::move(meaning)});
  }

  void member(const std::string& name, const std::string& place, const Json* from, const Json* to) {
    static const Json anything(true);
    if (name == "input_schema" || name == "output_schema") {
      diff_schemas(from == nullptr ? anything : *from, to == nullptr ? anything : *to, place,
                   name == "input_schema" ? SchemaSide::input : SchemaSide::output, changes_);
    } else if (name == "name") {
      add(place, from, to, "renamed", ChangeImpact::breaking, "It is another tool: plans name the old one.");
    } else if (name == "description" || name == "deprecation") {
      add(place, from, to, "description_changed", ChangeImpact::none, "Says something else to people and models.");
    } else if (name == "deprecated") {
      const bool now = to != nullptr && *to == Json(true);
      add(place, from, to, now ? "deprecated" : "no_longer_deprecated", now ? ChangeImpact::review : ChangeImpact::none,
          now ? "Plans that use it get a warning." : "Plans that use it get no warning any more.");
    } else if (name == "risk") {
      risk(place, from, to);
    } else if (name == "record_id") {
      add(place, from, to, "record_id_changed", from == nullptr ? ChangeImpact::compatible : ChangeImpact::breaking,
          from == nullptr ? "Receipts and plans can name the record now."
                          : "Plans that refer to record_id are refused, or get another id.");
    } else if (name == "idempotency") {
      idempotency(place, from, to);
    } else if (name == "verify" || name == "reason") {
      verification(name, place, from, to);
    } else if (name == "success") {
      checks(place, from, to, "success");
    } else if (name == "execute") {
      call(place, from, to, "What is sent is different.");
    } else {
      policy(name, place, from, to);
    }
  }

  void risk(const std::string& place, const Json* from, const Json* to) {
    const bool raised = rank_of_risk(text(to)) > rank_of_risk(text(from));
    add(place, from, to, raised ? "risk_raised" : "risk_lowered", raised ? ChangeImpact::review : ChangeImpact::weaker,
        raised ? "It may do more than before: who allowed it should look again."
               : "It is treated as less dangerous than before.");
  }

  void idempotency(const std::string& place, const Json* from, const Json* to) {
    if (from == nullptr || to == nullptr) {
      add(place, from, to, "idempotency_changed", ChangeImpact::review, "How a repeat is made safe is different.");
      return;
    }
    each_change(
        *from, *to, place, [&](const std::string& name, const std::string& at, const Json* was, const Json* is) {
          const std::optional<Duration> old_time = duration_of(was), new_time = duration_of(is);
          if (name == "mode") {
            const bool weaker = strength_of_mode(text(is)) < strength_of_mode(text(was));
            add(at, was, is, weaker ? "idempotency_weakened" : "idempotency_changed",
                weaker ? ChangeImpact::weaker : ChangeImpact::review,
                weaker ? "A lost answer is settled with less certainty, or not at all."
                       : "A lost answer is settled in another way.");
          } else if (old_time && new_time && *new_time < *old_time) {
            add(at, was, is, "idempotency_weakened", ChangeImpact::weaker,
                name == "window" ? "The provider is trusted to know a key for a shorter time."
                                 : "A look counts sooner: a late first send could be missed.");
          } else if (old_time && new_time && name == "window") {
            add(at, was, is, "window_longer", ChangeImpact::review,
                "The provider is trusted to know a key for longer: is that so?");
          } else if (name == "lookup" && is == nullptr) {
            add(at, was, is, "idempotency_weakened", ChangeImpact::weaker,
                "A lost answer can't be looked up any more.");
          } else {
            add(at, was, is, "idempotency_changed", ChangeImpact::review, "A lost answer is settled in another way.");
          }
        });
  }

  /// read-back over response over none.
  static int strength_of_verification(const Json* verify) {
    if (verify == nullptr) return 1;
    return verify->is_object() ? 2 : text(verify) == "none" ? 0 : 1;
  }

  void verification(const std::string& name, const std::string& place, const Json* from, const Json* to) {
    if (name == "reason") {
      add(place, from, to, "description_changed", ChangeImpact::none, "Gives another reason why nothing verifies it.");
      return;
    }
    const int was = strength_of_verification(from), is = strength_of_verification(to);
    if (was != is) {
      add(place, from, to, is < was ? "verification_weakened" : "verification_strengthened",
          is < was ? ChangeImpact::weaker : ChangeImpact::review,
          is < was ? "Less is proved: actions end executed, or on the tool's own word."
                   : "More is proved; actions that passed before may fail.");
      return;
    }
    if (!(from != nullptr && to != nullptr && from->is_object() && to->is_object())) return;
    each_change(*from, *to, place,
                [&](const std::string& part, const std::string& at, const Json* before, const Json* after) {
                  if (part == "expect") {
                    checks(at, before, after, "verification");
                  } else if (part == "read" || part == "read_unseen" || part == "before") {
                    call(at, before, after, "The read-back looks elsewhere, or in another way.");
                  } else if (part == "unique" || part == "next" || part == "recheck") {
                    promise(at, before, after);
                  } else if (part == "pending" || part == "reads") {
                    add(at, before, after, "verification_changed", ChangeImpact::review,
                        "What counts as settled, or as verified, is different.");
                  } else {
                    add(at, before, after, "verification_timing", ChangeImpact::compatible,
                        "A difference may last for another time before it counts.");
                  }
                });
  }

  /// A part of the verification that demands more where it is there.
  void promise(const std::string& place, const Json* from, const Json* to) {
    if (to == nullptr)
      return add(place, from, to, "verification_weakened", ChangeImpact::weaker, "This is not demanded any more.");
    if (from == nullptr)
      return add(place, from, to, "verification_strengthened", ChangeImpact::review,
                 "This is demanded now; what passed before may fail.");
    add(place, from, to, "verification_changed", ChangeImpact::review, "What is demanded is different.");
  }

  /// Lists of checks as sets: each that is gone was a promise, each that is new is one.
  void checks(const std::string& place, const Json* from, const Json* to, const std::string& what) {
    const auto each = [&](const Json* list, const Json* other, bool gone) {
      for (std::size_t i = 0; list != nullptr && list->is_array() && i < list->size(); ++i) {
        const Json& check = list->as_array()[i];
        const bool kept =
            other != nullptr && other->is_array() &&
            std::find(other->as_array().begin(), other->as_array().end(), check) != other->as_array().end();
        if (kept) continue;
        add(place + "/" + std::to_string(i), gone ? &check : nullptr, gone ? nullptr : &check,
            what + (gone ? "_weakened" : "_strengthened"), gone ? ChangeImpact::weaker : ChangeImpact::review,
            gone ? "This is not demanded any more." : "This is demanded now; what passed before may fail.");
      }
    };
    each(from, to, true);
    each(to, from, false);
  }

  void call(const std::string& place, const Json* from, const Json* to, const std::string& meaning) {
    if (from == nullptr || to == nullptr || !from->is_object() || !to->is_object()) {
      add(place, from, to, "call_changed", ChangeImpact::review, meaning);
      return;
    }
    each_change(*from, *to, place,
                [&](const std::string& name, const std::string& at, const Json* was, const Json* is) {
                  if (name == "auth") {
                    add(at, was, is, "credential_changed", ChangeImpact::review,
                        "Another credential is used; a repeat of a send under the old one ends in doubt.");
                  } else if (name == "url") {
                    add(at, was, is, "endpoint_changed", ChangeImpact::review, "The call goes to another place.");
                  } else if (name == "safe") {
                    const bool safe = is != nullptr && *is == Json(true);
                    add(at, was, is, "safety_changed", safe ? ChangeImpact::weaker : ChangeImpact::compatible,
                        safe ? "It leaves without an intent and is repeated freely: is it really harmless?"
                             : "It waits for an intent before it leaves.");
                  } else {
                    add(at, was, is, "call_changed", ChangeImpact::review, meaning);
                  }
                });
  }

  /// By this rule; a destructive tool without one asks all the same.
  static bool asks_nobody(const Json& tool, const Json* rule) {
    const Json* risk = tool.find("risk");
    if (rule == nullptr) return risk == nullptr || !(*risk == Json("destructive"));
    return *rule == Json("none");
  }

  /// Limits of time and retries: a plan may only tighten them, so a tighter tool refuses plans that asked for more.
  void policy(const std::string& name, const std::string& place, const Json* from, const Json* to) {
    if (name == "retry" && from != nullptr && to != nullptr && from->is_object() && to->is_object()) {
      return each_change(*from, *to, place,
                         [&](const std::string&, const std::string& at, const Json* was, const Json* is) {
                           add(at, was, is, "retry_changed", ChangeImpact::review,
                               "It is sent again at other times; plans that loosen it are refused.");
                         });
    }
    const std::optional<Duration> was = duration_of(from), is = duration_of(to);
    if (was && is && name.ends_with("_timeout")) {
      const bool tighter = *is < *was;
      add(place, from, to, tighter ? "limit_tightened" : "limit_loosened",
          tighter ? ChangeImpact::breaking : ChangeImpact::compatible,
          tighter ? "There is less time; plans that ask for more are refused." : "There is more time.");
    } else if (name == "approval") {
      const bool waived = asks_nobody(after_, to) && !asks_nobody(before_, from);
      add(place, from, to, waived ? "approval_waived" : "approval_changed",
          waived ? ChangeImpact::weaker : ChangeImpact::review,
          waived ? "It runs without an approval." : "Who has to agree is different.");
    } else {
      add(place, from, to, "member_changed", ChangeImpact::review, "This part of the contract is different.");
    }
  }

  const Json& before_;
  const Json& after_;
  std::vector<ToolChange> changes_;
};

}  // namespace

std::string_view name_of(ChangeImpact impact) {
  constexpr std::string_view names[] = {"none", "compatible", "review", "weaker", "breaking"};
  return names[static_cast<std::size_t>(impact)];
}

std::vector<ToolChange> diff_tools(const Json& before, const Json& after) {
  return ToolDiff(before, after).run();
}

}  // namespace settle
