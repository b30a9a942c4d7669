#include "engine/children.h"

#include "engine/engine.h"
#include "workflows/fields.h"

namespace settle {
Json child_plan(const Json& input) {
  Json plan = *input.find("plan");
  if (const Json* given = input.find("input")) plan.set("input", *given);
  return plan;
}

/// Always through the queue of the loop, also on the same one: so orders and reports keep their order, and no workflow
/// is changed while another one is.
void Engine::connect_shards() {
  for (Home& from : homes_) {
    Relatives relatives;
    relatives.order = [this](ChildOrder order) {
      const Home& home = home_of(order.name_space, order.child);
      home.loop.post([&home, order = std::move(order)] { home.shard->child_ordered(order); });
    };
    relatives.report = [this](ChildReport report) {
      const Home& home = home_of(report.name_space, report.parent.workflow);
      home.loop.post([&home, report = std::move(report)] { home.shard->child_reported(report); });
    };
    relatives.prepare = [this](const ChildOrder& order) { return prepare_child(order); };
    from.shard->connect(std::move(relatives));
  }
}

Result<NewWorkflow> Engine::prepare_child(const ChildOrder& order) const {
  const Json plan = child_plan(*order.input);
  PlanLimits limits = plan_limits_;
  limits.depth_max = children_depth_max - std::min<std::size_t>(order.depth, children_depth_max);
  const ToolOf tool_of = [&](std::string_view, std::string_view name) { return tools_.latest(order.name_space, name); };
  Result<std::shared_ptr<const Plan>> checked = check_plan(plan, tool_of, tools_.names(order.name_space), limits);
  if (!checked) return std::move(checked).error();
  NewWorkflow out;
  out.name_space = order.name_space;
  out.id = order.child;
  set_plan(out, *std::move(checked));
  std::vector<Problem> problems;
  const Json* labels = order.input->find("labels");
  if (labels != nullptr) read_labels(*labels, "/labels", out.labels, problems);
  if (!problems.empty()) return fail_for(ErrorCode::invalid_plan, std::move(problems));
  out.parent = order.parent;
  out.depth = order.depth;
  out.submitted_by = order.submitted_by;
  out.body_digest = digest_text(canonical(Json::object(
      {{"id", out.id},
       {"plan", plan},
       {"labels", labels == nullptr ? Json() : *labels},
       {"parent", Json::object({{"workflow", order.parent.workflow}, {"action", order.parent.action}})}})));
  return out;
}

}  // namespace settle
