#include "engine/schedules.h"

#include <algorithm>

#include "base/hash.h"
#include "base/text.h"
#include "engine/engine.h"
#include "engine/load.h"
#include "engine/schedule_documents.h"
#include "storage/keys.h"

namespace settle {
namespace {

class UtcOnly final : public TimeZones {
 public:
  Result<std::shared_ptr<const TimeZone>> find(std::string_view name) const override {
    if (name == "UTC") return utc_zone();
    return fail(ErrorCode::configuration, "there are no time zones here but UTC");
  }
  const std::vector<std::string>& names() const override {
    static const std::vector<std::string> none;
    return none;
  }
};

Error not_found(const std::string& name) {
  return fail(ErrorCode::not_found, "there is no schedule \"" + shorten(name, 130) + "\"");
}

}  // namespace

Schedules::Schedules(Engine& engine, Store& store, const std::vector<Loop*>& loops, FeedBell& bell,
                     ScheduleOptions options)
    : engine_(engine), store_(store), bell_(bell), options_(std::move(options)) {
  if (options_.zones == nullptr) options_.zones = std::make_shared<UtcOnly>();
  for (Loop* loop : loops) homes_.push_back(std::make_unique<Home>(*loop, options_.starts_max));
}

Schedules::~Schedules() {
  for (const std::unique_ptr<Home>& home : homes_) {
    for (const auto& entry : home->runners) entry.second->abandon();
  }
}

Schedules::Home& Schedules::home_of(const std::string& name_space, const std::string& name) {
  return *homes_[partition_of(name_space, name) % homes_.size()];
}

std::shared_ptr<ScheduleRunner> Schedules::make(Home& home, StoredSchedule stored, std::optional<ScheduleRules> rules,
                                                ScheduleProgress progress, std::string trouble) {
  Key key(stored.name_space, stored.name);
  auto made = std::make_shared<ScheduleRunner>(
      SchedulePorts{engine_, store_, home.loop, bell_, home.timers, home.turns, options_}, std::move(stored),
      std::move(rules), std::move(progress), std::move(trouble));
  home.runners.emplace(std::move(key), made);
  return made;
}

// --- the engine's start and end

Result<void> Schedules::load() {
  const std::unique_ptr<Reader> reader = store_.snapshot();
  Result<std::vector<NamedRecord>> found = load_named(*reader, keys::schedules, "schedule");
  if (!found) return std::move(found).error();
  for (NamedRecord& one : *found) {
    Result<void> loaded = load_one(*reader, one.bytes, std::move(one.name_space), std::move(one.name));
    if (!loaded) return loaded;
  }
  return {};
}

/// Rules that can't be read any more, since a time zone is gone, stop this schedule and nothing else.
Result<void> Schedules::load_one(const Reader& reader, std::string_view bytes, std::string name_space,
                                 std::string name) {
  const Result<std::optional<std::string>> far = reader.get(Family::meta, keys::schedule_progress(name_space, name));
  if (!far) return far.error();
  Result<StoredSchedule> stored = decode_schedule(bytes, std::move(name_space), std::move(name));
  if (!stored) return std::move(stored).error();
  Result<ScheduleProgress> progress =
      *far ? decode_schedule_progress(**far) : fail(ErrorCode::corruption, "a schedule's progress is missing");
  if (!progress) return std::move(progress).error();
  const Result<Json> document = read_json(stored->rules);
  if (!document) return fail(ErrorCode::corruption, "the rules of a schedule can't be read");
  std::vector<Problem> problems;
  Fields fields(*document, "", problems);
  std::optional<ScheduleRules> rules = read_schedule_rules(fields, *options_.zones);
  const std::string trouble = rules ? "" : summary_of(problems);
  Home& home = home_of(stored->name_space, stored->name);
  home.loop.not_before(progress->handled);
  if (!rules && options_.tell) options_.tell("schedule \"" + stored->name + "\" does not run: " + trouble);
  {
    const std::lock_guard lock(counts_mutex_);
    ++count_;
    ++counts_[stored->name_space];
  }
  const auto made = make(home, *std::move(stored), std::move(rules), *std::move(progress), trouble);
  home.loop.post([made] { made->start(); });
  return {};
}

void Schedules::drain(std::function<void()> quiet) {
  const auto left = std::make_shared<std::atomic<std::size_t>>(homes_.size());
  for (const std::unique_ptr<Home>& home : homes_) {
    on(home->loop, [home = home.get(), left, quiet] {
      home->draining = true;
      const auto runners = std::make_shared<std::size_t>(home->runners.size() + 1);
      const auto one_less = [left, quiet, runners] {
        if (--*runners == 0 && --*left == 0) quiet();
      };
      for (const auto& entry : home->runners) entry.second->drain(one_less);
      one_less();
    });
  }
}

void Schedules::run_ended(RunEnd end) {
  Home& home = home_of(end.name_space, end.schedule);
  home.loop.post([&home, end = std::move(end)] {
    const auto found = home.runners.find(Key(end.name_space, end.schedule));
    if (found != home.runners.end()) found->second->run_ended(end);
  });
}

void Schedules::token_revoked(const std::string& id) {
  for (const std::unique_ptr<Home>& home : homes_) {
    home->loop.post([home = home.get(), id] {
      std::vector<std::shared_ptr<ScheduleRunner>> stopping;
      for (const auto& entry : home->runners) {
        if (entry.second->stored().holder.token_id == id) stopping.push_back(entry.second);
      }
      for (const std::shared_ptr<ScheduleRunner>& runner : stopping) runner->token_revoked();
    });
  }
}

// --- finding one

void Schedules::with(const Which& which, Task task) {
  Home& home = home_of(which.name_space, which.name);
  on(home.loop, [&home, which, task = std::move(task)] {
    const auto find = [&home, which]() -> std::shared_ptr<ScheduleRunner> {
      const auto found = home.runners.find(Key(which.name_space, which.name));
      return found == home.runners.end() ? nullptr : found->second;
    };
    const std::shared_ptr<ScheduleRunner> now = find();
    if (now == nullptr) return task(not_found(which.name));
    now->when_settled([which, task, find] {
      const std::shared_ptr<ScheduleRunner> then = find();  // it may have been removed, and another one made
      if (then == nullptr) return task(not_found(which.name));
      task(then.get());
    });
  });
}

void Schedules::to_change(const Which& which, Task task) {
  with(which, [this, which, task = std::move(task)](const Result<ScheduleRunner*>& found) {
    if (home_of(which.name_space, which.name).draining)
      return task(fail(ErrorCode::shutting_down, "the engine is shutting down"));
    task(found);
  });
}

/// With its plan, as it is now; given when that is durable. Only when it is settled: the plan is read from the store.
void Schedules::answer(const std::shared_ptr<ScheduleRunner>& runner, bool created, const Done& done) {
  const StoredSchedule& stored = runner->stored();
  const Result<Json> plan = runner->read_plan();
  if (!plan) return done(plan.error());
  const Time now = home_of(stored.name_space, stored.name).loop.now();
  runner->when_durable(
      [done, shown = Answer{created, schedule_document(*runner, zones(), &*plan, now)}] { done(shown); });
}

// --- making and changing

Result<void> Schedules::count(const std::string& name_space) {
  const std::lock_guard lock(counts_mutex_);
  std::size_t& own = counts_[name_space];
  if (own >= options_.name_space_max)
    return fail(ErrorCode::quota_exceeded, "namespace \"" + name_space + "\" has " +
                                               std::to_string(options_.name_space_max) + " schedules already");
  if (count_ >= options_.schedules_max)
    return fail(ErrorCode::quota_exceeded,
                "there are " + std::to_string(options_.schedules_max) + " schedules already");
  ++own;
  ++count_;
  return {};
}

void Schedules::uncount(const std::string& name_space) {
  const std::lock_guard lock(counts_mutex_);
  --count_;
  if (--counts_[name_space] == 0) counts_.erase(name_space);
}

void Schedules::put(Wanted wanted, Loop& loop, Done done, AuditNotePtr audit) {
  const Which which = wanted.which;
  to_change(which, [this, wanted = std::move(wanted), done = back_on(loop, std::move(done)),
                    audit = std::move(audit)](const Result<ScheduleRunner*>& found) {
    if (found) return update(**found, wanted, done, audit);
    if (found.error().code != ErrorCode::not_found) return done(found.error());
    create(wanted, done, audit);
  });
}

void Schedules::create(const Wanted& wanted, const Done& done, const AuditNotePtr& audit) {
  if (const Result<void> counted = count(wanted.which.name_space); !counted) return done(counted.error());
  Home& home = home_of(wanted.which.name_space, wanted.which.name);
  const std::string plan = canonical(wanted.plan);
  StoredSchedule made;
  made.name_space = wanted.which.name_space;
  made.name = wanted.which.name;
  made.rules = canonical(rules_document(wanted.rules));
  made.plan_digest = digest_text(plan);
  made.holder = wanted.holder;
  made.created_at = made.changed_at = home.loop.now();
  made.created_by = made.changed_by = wanted.by;
  if (wanted.paused.value_or(false)) made.pause = SchedulePause{"put", "it was made so", wanted.by, made.created_at};
  ScheduleProgress progress;
  progress.handled = made.created_at;
  const std::shared_ptr<ScheduleRunner> runner = make(home, made, wanted.rules, progress, "");
  if (audit != nullptr) audit->entry.status = 201;
  runner->change(made, wanted.rules, &plan, true, [this, runner, done] { answer(runner, true, done); }, audit);
}

void Schedules::update(ScheduleRunner& runner, const Wanted& wanted, const Done& done, const AuditNotePtr& audit) {
  const std::shared_ptr<ScheduleRunner> kept = runner.shared_from_this();
  const StoredSchedule& before = runner.stored();
  const Time now = home_of(before.name_space, before.name).loop.now();
  const std::string plan = canonical(wanted.plan);
  StoredSchedule next = before;
  next.rules = canonical(rules_document(wanted.rules));
  next.plan_digest = digest_text(plan);
  const bool person = before.pause && before.pause->code == "paused";
  if (wanted.paused == false && person && !wanted.may_resume)
    return done(fail(ErrorCode::forbidden,
                     "\"" + before.pause->by + "\" has paused this schedule; it takes an operator to resume it"));
  // What stopped by itself goes on: whoever puts it anew has seen to that.
  const bool resumes = before.pause && (wanted.paused == false || (!wanted.paused && before.pause->by_itself()));
  if (resumes) next.pause = std::nullopt;
  if (wanted.paused == true && !before.pause) next.pause = SchedulePause{"put", "its PUT says so", wanted.by, now};
  // Without a difference nothing changes, unless somebody has to see to it: that is done hereby.
  const bool sees_to_it = runner.progress().failing || before.holder.revoked;
  if (next == before && runner.rules() && !sees_to_it) return answer(kept, false, done);
  const bool other_times =
      !runner.rules() || runner.rules()->recurrence.document() != wanted.rules.recurrence.document();
  next.holder = wanted.holder;
  next.changed_at = now;
  next.changed_by = wanted.by;
  runner.change(
      std::move(next), wanted.rules, &plan, other_times || resumes, [this, kept, done] { answer(kept, false, done); },
      audit);
}

void Schedules::remove(const Which& which, Loop& loop, Done done, AuditNotePtr audit) {
  to_change(which, [this, which, done = back_on(loop, std::move(done)),
                    audit = std::move(audit)](const Result<ScheduleRunner*>& found) {
    if (!found) return done(found.error());
    const std::shared_ptr<ScheduleRunner> runner = (*found)->shared_from_this();
    Home& home = home_of(which.name_space, which.name);
    const Json document = schedule_document(*runner, zones(), nullptr, home.loop.now());
    runner->remove(
        [this, &home, which, done, document] {
          home.runners.erase(Key(which.name_space, which.name));
          uncount(which.name_space);
          done(Answer{false, document});
        },
        audit);
  });
}

void Schedules::pause(const Which& which, std::string reason, std::string by, Loop& loop, Done done,
                      AuditNotePtr audit) {
  to_change(which, [this, which, reason = std::move(reason), by = std::move(by), done = back_on(loop, std::move(done)),
                    audit = std::move(audit)](const Result<ScheduleRunner*>& found) {
    if (!found) return done(found.error());
    const std::shared_ptr<ScheduleRunner> runner = (*found)->shared_from_this();
    // What stopped by itself, or by its PUT, is from now on a person's.
    const std::optional<SchedulePause>& now = runner->stored().pause;
    if (now && now->code == "paused") return answer(runner, false, done);
    const Time at = home_of(which.name_space, which.name).loop.now();
    runner->pause({"paused", reason, by, at}, [this, runner, done] { answer(runner, false, done); }, audit);
  });
}

void Schedules::resume(const Which& which, ScheduleHolder holder, Loop& loop, Done done, AuditNotePtr audit) {
  to_change(which, [this, holder = std::move(holder), done = back_on(loop, std::move(done)),
                    audit = std::move(audit)](const Result<ScheduleRunner*>& found) {
    if (!found) return done(found.error());
    const std::shared_ptr<ScheduleRunner> runner = (*found)->shared_from_this();
    if (!runner->stored().pause) return answer(runner, false, done);
    runner->resume(holder, [this, runner, done] { answer(runner, false, done); }, audit);
  });
}

void Schedules::trigger(const Which& which, std::string key, bool anyway, Loop& loop, ScheduleRunner::TriggerDone done,
                        AuditNotePtr audit) {
  to_change(which, [key = std::move(key), anyway, done = back_on(loop, std::move(done)),
                    audit = std::move(audit)](const Result<ScheduleRunner*>& found) {
    if (!found) return done(found.error());
    (*found)->trigger(key, anyway, done, audit);
  });
}

// --- looking

void Schedules::show(const Which& which, Loop& loop, std::function<void(Result<Json>)> done) {
  with(which, [this, done = back_on(loop, std::move(done))](const Result<ScheduleRunner*>& found) {
    if (!found) return done(found.error());
    answer((*found)->shared_from_this(), false, [done](const Result<Answer>& shown) {
      if (!shown) return done(shown.error());
      done(shown->document);
    });
  });
}

/// What the loops have found so far.
struct Schedules::Listing {
  std::mutex mutex;
  std::map<std::string, Json> found;
  std::size_t left = 0;
  std::size_t limit = 0;
  std::function<void(Result<Json>)> done;

  void add(const std::string& name, Json document) {
    const std::lock_guard lock(mutex);
    found[name] = std::move(document);
  }
  void one_less() {
    const std::lock_guard lock(mutex);
    if (--left > 0) return;
    Json::Array page;
    Json next;
    for (auto& [name, document] : found) {
      if (page.size() == limit) {
        next = *page.back().find("name");
        break;
      }
      page.push_back(std::move(document));
    }
    done(Json::object({{"schedules", std::move(page)}, {"next_after", std::move(next)}}));
  }
};

void Schedules::list(const std::string& name_space, const std::string& after, std::size_t limit, Loop& loop,
                     std::function<void(Result<Json>)> done) {
  const auto listing = std::make_shared<Listing>();
  listing->left = homes_.size();
  listing->limit = limit;
  listing->done = back_on(loop, std::move(done));
  for (const std::unique_ptr<Home>& home : homes_) {
    on(home->loop, [this, home = home.get(), name_space, after, listing] {
      std::vector<std::shared_ptr<ScheduleRunner>> own;
      auto at = home->runners.upper_bound(Key(name_space, after));
      // One more than are shown: it tells that there are more.
      for (; at != home->runners.end() && at->first.first == name_space && own.size() <= listing->limit; ++at)
        own.push_back(at->second);
      {
        const std::lock_guard lock(listing->mutex);
        listing->left += own.size();
      }
      for (const std::shared_ptr<ScheduleRunner>& runner : own) {
        runner->when_settled([this, home, listing, runner] {
          const std::string name = runner->stored().name;
          if (!home->runners.contains(Key(runner->stored().name_space, name))) return listing->one_less();
          runner->when_durable([listing, name, shown = schedule_document(*runner, zones(), nullptr, home->loop.now())] {
            listing->add(name, shown);
            listing->one_less();
          });
        });
      }
      listing->one_less();
    });
  }
}

}  // namespace settle
