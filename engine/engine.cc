#include "engine/engine.h"

#include <algorithm>

#include "base/text.h"
#include "receipts/packed.h"
#include "storage/keys.h"
#include "workflows/fields.h"
#include "workflows/receipt.h"
#include "workflows/waiting.h"

namespace settle {
namespace {

/// The stored clock lags by up to a second and what a lost race took with it; so what was to be taken up at once may
/// seem to lie ahead by that much.
constexpr Duration clock_lag_max{5'000};

Error not_found(const std::string& id) {
  return fail(ErrorCode::not_found, "there is no workflow \"" + shorten(id, 130) + "\"");
}

/// To the check of a plan, a tool without an enabled version is no tool; whoever reads the problem should know better.
void tell_disabled(const Json& plan, const ToolRegistry& tools, const std::string& name_space,
                   std::vector<Problem>& problems) {
  for (Problem& problem : problems) {
    if (problem.code != "unknown_tool") continue;
    const std::optional<Pointer> place = Pointer::parse(problem.pointer);
    const Json* name = place ? place->find(plan) : nullptr;
    if (name == nullptr || !name->is_string() || !tools.is_disabled(name_space, name->as_string())) continue;
    problem.code = "tool_disabled";
    problem.expected = "a tool with an enabled version";
    problem.message = "every version of tool \"" + shorten(name->as_string(), 60) + "\" is disabled";
  }
}

}  // namespace

std::string new_workflow_id(Time now, std::uint64_t entropy_high, std::uint64_t entropy_low) {
  const auto milliseconds = static_cast<std::uint64_t>(now.time_since_epoch().count());
  const std::uint64_t high = (milliseconds << 16) | 0x7000 | (entropy_high & 0x0fff);
  const std::uint64_t low = (entropy_low & 0x3fffffffffffffffULL) | 0x8000000000000000ULL;
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(high >> shift));
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(low >> shift));
  const std::string hex = to_hex(bytes);
  return "wf_" + hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" + hex.substr(16, 4) + "-" +
         hex.substr(20);
}

Engine::Engine(Store& store, ToolRegistry& tools, std::vector<Part> parts, EngineOptions options)
    : store_(store), tools_(tools), plan_limits_(options.plan), lines_(tools), usage_(std::move(options.quotas)) {
  SETTLE_ASSERT(!parts.empty());
  lines_.begin(parts[0].loop->now());
  ShardLimits limits = options.shard;
  limits.live_max = limits.live_max / parts.size() + 1;
  for (const Part& part : parts) {
    homes_.push_back(
        {*part.loop, *part.connector,
         std::make_unique<Shard>(*part.loop, store, tools, *part.connector, lines_, bell_, usage_, limits)});
  }
  connect_shards();
  std::vector<Outbox::Part> outbox_parts;
  for (const Part& part : parts)
    outbox_parts.push_back({part.loop, part.webhooks != nullptr ? part.webhooks : part.connector});
  outbox_ = std::make_unique<Outbox>(store, outbox_parts, bell_, std::move(options.outbox));
  std::vector<Loop*> loops;
  for (const Part& part : parts) loops.push_back(part.loop);
  schedules_ = std::make_unique<Schedules>(*this, store, loops, bell_, std::move(options.schedules));
}

const Engine::Home& Engine::home_of(const std::string& name_space, const std::string& id) const {
  return homes_[partition_of(name_space, id) % homes_.size()];
}

Result<void> Engine::recover(std::function<void()> ready, std::function<void(const Error&)> damaged) {
  const std::unique_ptr<Reader> reader = store_.snapshot();
  const Result<std::optional<std::string>> clock = reader->get(Family::meta, keys::clock);
  if (!clock) return clock.error();
  const Result<std::optional<std::string>> leap = reader->get(Family::meta, keys::leap);
  if (!leap) return leap.error();
  const std::optional<Time> newest = *clock ? parse_time(**clock) : std::nullopt;
  const std::optional<Time> leapt = *leap ? parse_time(**leap) : std::nullopt;
  if (newest) homes_[0].loop.not_before(*newest);
  lines_.begin(homes_[0].loop.now());
  Result<std::optional<WriteBatch>> marks = marks_to_begin_with(*reader);
  if (!marks) return marks.error();
  if (const Result<void> counted = usage_.count(*reader, *marks, damaged); !counted) return counted;
  // Before whatever any loop commits later.
  if (*marks) store_.commit(**std::move(marks), homes_[0].loop, [](const CommitResult&) {});
  struct Found {
    DueKeys at_once, sleepers;
  };
  std::vector<Found> due(homes_.size());
  const Time soon = homes_[0].loop.now() + clock_lag_max;
  const Result<void> scanned = reader->scan(Family::due, {}, [&](std::string_view key, std::string_view) {
    const auto place = keys::place_of_due(key);
    if (!place) return true;
    Found& found = due[place->first % homes_.size()];
    (place->second <= soon ? found.at_once : found.sleepers).add(key);
    return true;
  });
  if (!scanned) return scanned;
  if (const Result<void> loaded = outbox_->load(); !loaded) return loaded;
  if (const Result<void> loaded = schedules_->load(); !loaded) return loaded;
  const auto left = std::make_shared<std::atomic<std::size_t>>(homes_.size());
  Loop& first = homes_[0].loop;
  for (std::size_t i = 0; i < homes_.size(); ++i) {
    Home& home = homes_[i];
    if (newest) home.loop.not_before(*newest);
    if (leapt) home.loop.knows_leap(*leapt);
    const auto recovered = [&first, left, ready] {
      if (--*left == 0) first.post(ready);
    };
    home.loop.post([&home, found = std::move(due[i]), recovered, damaged]() mutable {
      home.shard->recover(std::move(found.at_once), std::move(found.sleepers), recovered, damaged);
    });
  }
  return {};
}

Result<std::shared_ptr<const Plan>> Engine::check(const std::string& name_space, const Json& plan,
                                                  std::vector<Problem>* warnings) const {
  const ToolOf tool_of = [&](std::string_view, std::string_view name) { return tools_.latest(name_space, name); };
  Result<std::shared_ptr<const Plan>> checked =
      check_plan(plan, tool_of, tools_.names(name_space), plan_limits_, warnings);
  if (!checked) tell_disabled(plan, tools_, name_space, checked.error().problems);
  return checked;
}

void set_plan(NewWorkflow& workflow, std::shared_ptr<const Plan> plan) {
  workflow.labels = plan->labels;
  workflow.plan = std::move(plan);
  workflow.plan_digest = digest_text(workflow.plan->document);
}

/// An id whose home is the loop that was asked, so that neither the submission nor what its client asks next has to
/// cross to another one; a loop that has more than its share of what is under way leaves it to chance.
std::string Engine::new_id(const std::string& name_space, Loop& loop) const {
  const auto here = std::find_if(homes_.begin(), homes_.end(), [&](const Home& home) { return &home.loop == &loop; });
  const auto fewer = [](const Home& a, const Home& b) { return a.shard->under_way() < b.shard->under_way(); };
  const std::size_t least = std::min_element(homes_.begin(), homes_.end(), fewer)->shard->under_way();
  constexpr std::size_t spared = 64;  // differences that even out by themselves
  const bool wanted = here != homes_.end() && here->shard->under_way() <= spared + least + least / 4;
  constexpr int tries = 16;  // with more loops than that it is not worth looking for long
  std::string id;
  for (int i = 0; i < tries; ++i) {
    id = new_workflow_id(loop.now(), loop.entropy(), loop.entropy());
    if (!wanted || &home_of(name_space, id) == &*here) break;
  }
  return id;
}

/// Reads {id?, plan, labels?} and checks the plan; every problem of both at once, pointers into the body.
Result<NewWorkflow> Engine::prepare(const SubmitRequest& request, Loop& loop) const {
  std::vector<Problem> problems;
  Fields fields(request.body, "", problems);
  NewWorkflow out;
  out.name_space = request.name_space;
  out.idempotency_key = request.idempotency_key;
  out.tool_calls = request.tool_calls;
  if (const std::optional<std::string> id = fields.text("id")) {
    out.id = *id;
    if (!is_name(*id))
      fields.problem("id", "not_a_name", "1 to 128 of A-Z a-z 0-9 . _ ~ -", "a workflow's id has other characters");
  } else {
    out.id = new_id(request.name_space, loop);
  }
  out.submitted_by = request.submitted_by;
  const Json* plan = fields.need("plan", "a plan");
  const Json* labels = fields.take("labels");
  fields.finish();
  ErrorCode code = ErrorCode::invalid_argument;
  if (plan != nullptr) {
    Result<std::shared_ptr<const Plan>> checked = check(request.name_space, *plan);
    if (checked) {
      set_plan(out, *std::move(checked));
    } else {
      code = ErrorCode::invalid_plan;
      for (Problem& problem : checked.error().problems) {
        problem.pointer = "/plan" + problem.pointer;
        problems.push_back(std::move(problem));
      }
    }
  }
  if (labels != nullptr) read_labels(*labels, "/labels", out.labels, problems);
  if (problems.empty()) return out;
  return fail_for(code, std::move(problems));
}

/// What stands under the same id or Idempotency-Key, before anything is checked: tools may have changed since, and a
/// repeat of an accepted submission must still be answered with the first workflow.
std::optional<Result<Submitted>> Engine::replay(const SubmitRequest& request, const std::string& body_digest) const {
  const Json* id = request.body.find("id");
  if (id == nullptr && request.tool_calls.empty() && request.idempotency_key.empty()) return std::nullopt;
  const std::unique_ptr<Reader> reader = store_.snapshot();
  if (id != nullptr && id->is_string() && is_name(id->as_string())) {
    const Result<std::optional<std::string>> stored =
        reader->get(Family::state, keys::OfWorkflow(request.name_space, id->as_string()).header());
    if (!stored) return stored.error();
    if (*stored) {
      const Result<StoredHeader> header = decode_header(**stored);
      if (!header) return header.error();
      if (header->header.body_digest == body_digest) return Submitted{false, id->as_string()};
      return fail(ErrorCode::conflict, "workflow \"" + id->as_string() + "\" exists with another body");
    }
  }
  for (const std::string& call : request.tool_calls) {
    const Result<std::optional<std::string>> taken =
        reader->get(Family::keys, keys::tool_call(request.name_space, call));
    if (!taken) return taken.error();
    if (!*taken) continue;
    const Result<StoredKey> by = decode_key(**taken);
    return tool_call_taken(call, by ? by->workflow : "");
  }
  if (request.idempotency_key.empty()) return std::nullopt;
  const Result<std::optional<std::string>> stored =
      reader->get(Family::keys, keys::idempotency(request.name_space, request.idempotency_key));
  if (!stored) return stored.error();
  if (!*stored) return std::nullopt;
  const Result<StoredKey> key = decode_key(**stored);
  if (!key) return key.error();
  if (key->body_digest == body_digest) return Submitted{false, key->workflow};
  return fail(ErrorCode::idempotency_key_reused, "this Idempotency-Key came with another body before");
}

void Engine::submit(SubmitRequest request, Loop& loop, std::function<void(Result<Started>)> done) {
  if (stopping())
    return done(fail(ErrorCode::shutting_down, "the engine is shutting down; send the plan again in a moment"));
  const std::string body_digest = digest_text(canonical(request.body));
  if (std::optional<Result<Submitted>> stands = replay(request, body_digest))
    return answer(request.name_space, std::move(*stands), loop, done);
  if (!store_.has_room())
    return done(fail(ErrorCode::disk_full, "the disk is nearly full; nothing new is taken until there is room"));
  Result<NewWorkflow> prepared = prepare(request, loop);
  if (!prepared) return done(std::move(prepared).error());
  prepared->body_digest = body_digest;
  prepared->audit = request.audit;
  if (request.audit != nullptr) request.audit->entry.target = prepared->id;
  const Home& home = home_of(prepared->name_space, prepared->id);
  on(home.loop, [this, &home, &loop, submission = *std::move(prepared), done = std::move(done)]() mutable {
    const std::string name_space = submission.name_space;
    home.shard->submit(std::move(submission),
                       [this, name_space, &loop, done = std::move(done)](Result<Submitted> submitted) {
                         answer(name_space, std::move(submitted), loop, done);
                       });
  });
}

void Engine::answer(const std::string& name_space, Result<Submitted> submitted, Loop& loop,
                    const std::function<void(Result<Started>)>& done) {
  if (!submitted) return on(loop, [done, error = std::move(submitted).error()] { done(error); });
  const bool created = submitted->created;
  get(name_space, submitted->id, WaitFor::now, Duration(0), loop, [created, done](Result<WorkflowText> shown) {
    if (!shown) return done(std::move(shown).error());
    done(Started{created, *std::move(shown)});
  });
}

void Engine::get(const std::string& name_space, const std::string& id, WaitFor until, Duration wait, Loop& loop,
                 std::function<void(Result<WorkflowText>)> done) {
  show<WorkflowText>(name_space, id, until, wait, loop, workflow_text, std::move(done));
}

void Engine::watch(const std::string& name_space, const std::string& id, Shard::Until until, Duration wait,
                   Shard::Look look, Loop& loop, Shard::Refuse refuse) {
  if (!is_name(id)) return on(loop, [refuse, id] { refuse(not_found(id)); });
  const Home& home = home_of(name_space, id);
  on(home.loop, [&home, name_space, id, until, wait, look = std::move(look), &loop, refuse = std::move(refuse)] {
    home.shard->watch(name_space, id, until, home.loop.now() + wait, look, back_on<const Error&>(loop, refuse));
  });
}

void Engine::operate(const std::string& name_space, const std::string& id, Shard::Operation operation, Loop& loop,
                     std::function<void(Result<WorkflowText>)> done, AuditNotePtr audit) {
  if (!is_name(id)) return on(loop, [done, id] { done(not_found(id)); });
  const Home& home = home_of(name_space, id);
  on(home.loop, [this, &home, name_space, id, operation = std::move(operation), &loop, done = std::move(done),
                 audit = std::move(audit)] {
    const auto answer = [this, name_space, id, &loop, done](Result<void> applied) {
      if (!applied) return on(loop, [done, error = std::move(applied).error()] { done(error); });
      get(name_space, id, WaitFor::now, Duration(0), loop, done);
    };
    home.shard->operate(name_space, id, operation, answer, audit);
  });
}

void Engine::events(const std::string& name_space, const std::string& id, std::uint32_t after, std::size_t limit,
                    Duration wait, Loop& loop, std::function<void(Result<Page>)> done) {
  // The plan, for the ids of actions, and how many events there are is all that is taken from memory; the events are
  // the durable ones.
  const Shard::Look look = [this, name_space, id, after, limit, &loop, done](const Workflow& workflow) {
    const bool ended = workflow.header.status == WorkflowStatus::ended;
    return
        [this, name_space, id, after, limit, &loop, done, plan = workflow.plan, total = workflow.header.events, ended] {
          Result<Page> page = Page{};
          const Result<std::vector<StoredEvent>> stored = load_events(*store_.snapshot(), name_space, id, after, limit);
          if (stored) {
            for (const StoredEvent& event : *stored) page->events.push_back(event_document(event, *plan));
            const std::uint32_t last = stored->empty() ? after : stored->back().seq;
            page->ended = ended && last >= total;
          } else {
            page = stored.error();
          }
          on(loop, [done, page = std::move(page)]() mutable { done(std::move(page)); });
        };
  };
  watch(name_space, id, {WaitFor::events, after}, wait, look, loop, [done](const Error& error) { done(error); });
}

Result<std::vector<std::string>> Engine::receipts(const std::string& name_space, const std::string& id) const {
  const std::unique_ptr<Reader> reader = store_.snapshot();
  const Result<std::optional<std::string>> header =
      is_name(id) ? reader->get(Family::state, keys::OfWorkflow(name_space, id).header())
                  : Result<std::optional<std::string>>(std::optional<std::string>());
  if (!header) return header.error();
  if (!*header) return not_found(id);
  return load_receipts(*reader, name_space, id);
}

Result<std::string> Engine::receipt(const std::string& name_space, const std::string& id) const {
  const auto parsed = parse_receipt_id(id);
  const std::unique_ptr<Reader> reader = store_.snapshot();
  if (parsed && is_name(parsed->first)) {
    const Result<std::optional<std::string>> stored =
        reader->get(Family::receipts, keys::OfWorkflow(name_space, parsed->first).receipt(parsed->second));
    if (!stored) return stored.error();
    if (*stored && (*stored)->size() > 8) return unpack_receipt(std::string_view(**stored).substr(8));
  }
  return fail(ErrorCode::not_found, "there is no receipt \"" + shorten(id, 150) + "\"");
}

Result<bool> Engine::is_replaced(const WorkflowHeader& header) const {
  if (!header.parent) return false;
  const std::unique_ptr<Reader> reader = store_.snapshot();
  const keys::OfWorkflow records(header.name_space, header.parent->workflow);
  const auto run_at = [&](ActionIndex index) -> Result<std::optional<ActionState>> {
    const Result<std::optional<std::string>> stored = reader->get(Family::state, records.action(index));
    if (!stored) return stored.error();
    if (!*stored) return std::optional<ActionState>();
    Result<ActionState> run = decode_action(**stored);
    if (!run) return std::move(run).error();
    return std::optional(*std::move(run));
  };
  const Result<std::optional<ActionState>> run = run_at(header.parent->run);
  if (!run) return run.error();
  if (!*run) return false;
  if (child_id(header.name_space, header.parent->workflow, header.parent->action, **run) != header.id) return true;
  // A fallback that has not failed for nothing did it instead; and where the action is tried again, its fallback is
  // not.
  const bool of_fallback = (*run)->role == CallRole::fallback;
  if (!of_fallback && (*run)->fallback == 0) return false;
  const Result<std::optional<ActionState>> other = run_at(of_fallback ? (*run)->parent : (*run)->fallback);
  if (!other) return other.error();
  if (!*other) return false;
  if (of_fallback) return (*other)->fallback != header.parent->run;
  return (*other)->stage != Stage::failed || (*other)->effect != Effect::none;
}

void Engine::report(const std::string& name_space, const std::string& id, Loop& loop,
                    std::function<void(Result<Json>)> done) {
  const Shard::Look look = [this, name_space, id, &loop, done](const Workflow& workflow) {
    return [this, name_space, id, &loop, done, header = workflow.header, plan = workflow.plan] {
      const Result<std::vector<std::string>> stored = load_receipts(*store_.snapshot(), name_space, id);
      Result<Json> report = stored ? report_document(header, *plan, *stored) : Result<Json>(stored.error());
      on(loop, [done, report = std::move(report)]() mutable { done(std::move(report)); });
    };
  };
  watch(name_space, id, {WaitFor::now}, Duration(0), look, loop, [done](const Error& error) { done(error); });
}

Result<Json> Engine::list(const ListQuery& query) const {
  return list_workflows(*store_.snapshot(), query);
}

void Engine::shutdown(Duration patience, std::function<void()> done) {
  stopping_ = true;
  lines_.close();
  const auto left = std::make_shared<std::atomic<std::size_t>>(homes_.size() + 2);
  Loop& first = homes_[0].loop;
  const auto quiet = [&first, left, done] {
    if (--*left == 0) first.post(done);
  };
  for (Home& home : homes_) {
    home.loop.post([&home, patience, quiet] {
      home.loop.schedule(home.loop.now() + patience, [&home] { home.connector.stop(); });
      home.shard->drain(quiet);
    });
  }
  outbox_->drain(quiet);
  schedules_->drain(quiet);
}

void Engine::counters(Loop& loop, std::function<void(Shard::Counters)> done) {
  struct Gathered {
    std::mutex mutex;
    Shard::Counters sum;
    std::size_t left;
  };
  const auto gathered = std::make_shared<Gathered>();
  gathered->left = homes_.size();
  for (Home& home : homes_) {
    on(home.loop, [&home, &loop, gathered, done] {
      const Shard::Counters own = home.shard->counters();
      const std::lock_guard lock(gathered->mutex);
      gathered->sum.submitted += own.submitted;
      gathered->sum.ended += own.ended;
      gathered->sum.calls += own.calls;
      gathered->sum.commits += own.commits;
      gathered->sum.live += own.live;
      gathered->sum.in_flight += own.in_flight;
      gathered->sum.sleeping += own.sleeping;
      if (--gathered->left == 0) loop.post([done, sum = gathered->sum] { done(sum); });
    });
  }
}

}  // namespace settle
