#include "engine/operations.h"

#include <algorithm>

#include "base/text.h"
#include "engine/load.h"

namespace settle {
namespace {

Error ended(const Workflow& workflow) {
  return fail(ErrorCode::wrong_state, "workflow \"" + workflow.header.id + "\" has ended");
}

std::string run_text(const ActionState& run) {
  std::string out(name_of(run.role));
  if (run.element) out += " of element " + std::to_string(*run.element);
  return out;
}

/// The one run that the request is about.
Result<ActionIndex> chosen_run(const Workflow& workflow, const ResolveRequest& request) {
  const auto planned = workflow.plan->by_id.find(request.action);
  if (planned == workflow.plan->by_id.end())
    return fail(ErrorCode::not_found,
                "workflow \"" + workflow.header.id + "\" has no action \"" + shorten(request.action, 130) + "\"");
  std::vector<ActionIndex> runs = parked_runs(workflow, planned->second);
  std::erase_if(runs, [&](ActionIndex index) {
    const ActionState& run = workflow.actions[index];
    const bool other_element = request.element && run.element != request.element;
    const bool other_attempt = request.attempt && run.attempt != *request.attempt;
    return other_element || other_attempt || (request.role && run.role != *request.role);
  });
  if (runs.empty())
    return fail(ErrorCode::wrong_state, "action \"" + request.action + "\" has no run there that waits for a person");
  if (runs.size() == 1) return runs[0];
  std::string all;
  for (std::size_t i = 0; i < runs.size() && i < 20; ++i)
    all += (i == 0 ? "" : ", ") + run_text(workflow.actions[runs[i]]);
  return fail(ErrorCode::wrong_state, "several runs of action \"" + request.action +
                                          "\" wait for a person; name \"element\" or \"role\": " + all);
}

}  // namespace

Shard::Operation cancel_operation() {
  return [](Workflow& workflow, const Moment& moment) -> Result<Transition> {
    if (workflow.header.status == WorkflowStatus::ended) return ended(workflow);
    return on_cancel(workflow, moment);
  };
}

Shard::Operation pause_operation() {
  return [](Workflow& workflow, const Moment& moment) -> Result<Transition> {
    if (workflow.header.status == WorkflowStatus::ended) return ended(workflow);
    if (workflow.header.status == WorkflowStatus::cancelling)
      return fail(ErrorCode::wrong_state,
                  "workflow \"" + workflow.header.id + "\" is being cancelled; nothing is sent any more");
    return on_pause(workflow, moment);
  };
}

Shard::Operation resume_operation() {
  return [](Workflow& workflow, const Moment& moment) -> Result<Transition> {
    if (workflow.header.status == WorkflowStatus::ended) return ended(workflow);
    return on_resume(workflow, moment);
  };
}

Shard::Operation retry_operation(const Engine& engine, std::string name_space, bool latest) {
  return [&engine, name_space = std::move(name_space), latest](Workflow& workflow,
                                                               const Moment& moment) -> Result<Transition> {
    const Result<bool> replaced = engine.is_replaced(workflow.header);
    if (!replaced) return replaced.error();
    if (*replaced)
      return fail(ErrorCode::wrong_state, "something else has taken the place of \"" + workflow.header.id +
                                              "\" for workflow \"" + workflow.header.parent->workflow + "\"");
    if (!latest || workflow.header.status != WorkflowStatus::ended) return on_retry(workflow, nullptr, moment);
    const Result<Json> document = read_plan_document(workflow.plan->document);
    if (!document) return document.error();
    Result<std::shared_ptr<const Plan>> plan = engine.check(name_space, *document);
    if (!plan) return std::move(plan).error();
    return on_retry(workflow, *std::move(plan), moment);
  };
}

Shard::Operation resolve_operation(ResolveRequest request) {
  return [request = std::move(request)](Workflow& workflow, const Moment& moment) -> Result<Transition> {
    const Result<ActionIndex> run = chosen_run(workflow, request);
    if (!run) return run.error();
    return on_resolve(workflow, *run, request.resolution, moment);
  };
}

}  // namespace settle
