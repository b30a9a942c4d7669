#include "cli/render_tree.h"

#include <algorithm>
#include <map>
#include <set>

#include "cli/render_table.h"

namespace settle {

namespace {

constexpr std::size_t kDepthMax = 10;
constexpr std::size_t kNone = static_cast<std::size_t>(-1);

struct Node {
  const Json* action = nullptr;
  std::string id;
  std::vector<std::size_t> after;     ///< positions of the dependencies that exist
  std::vector<std::size_t> children;  ///< positions, in plan order
  std::size_t parent = kNone;
  std::size_t depth = 0;
};

std::vector<Node> nodes_of(const Json& workflow) {
  std::vector<Node> nodes;
  std::map<std::string, std::size_t> place;
  for (const Json& action : list_of(workflow, "actions")) {
    place.emplace(text_of(action, "id"), nodes.size());
    Node& node = nodes.emplace_back();
    node.action = &action;
    node.id = text_of(action, "id");
  }
  for (Node& node : nodes) {
    for (const Json& name : list_of(*node.action, "after")) {
      const auto found = name.is_string() ? place.find(name.as_string()) : place.end();
      if (found != place.end()) node.after.push_back(found->second);
    }
  }
  return nodes;
}

// Gives every node its parent: the dependency that stands deepest, the later one among equals. Works through the graph
// in topological order; nodes of a cycle (no server sends one) are never reached and stay roots.
void choose_parents(std::vector<Node>& nodes) {
  std::vector<std::size_t> waiting(nodes.size(), 0);
  std::vector<std::vector<std::size_t>> dependents(nodes.size());
  std::vector<std::size_t> ready;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    waiting[i] = nodes[i].after.size();
    for (const std::size_t before : nodes[i].after) dependents[before].push_back(i);
    if (waiting[i] == 0) ready.push_back(i);
  }
  for (std::size_t next = 0; next < ready.size(); ++next) {
    for (const std::size_t child : dependents[ready[next]]) {
      if (--waiting[child] == 0) ready.push_back(child);
    }
    Node& node = nodes[ready[next]];
    for (const std::size_t before : node.after) {
      const std::size_t depth = nodes[before].depth + 1;
      const bool later = depth == node.depth && node.parent != kNone && before > node.parent;
      if (node.parent != kNone && depth <= node.depth && !later) continue;
      node.parent = before;
      node.depth = depth;
    }
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].parent != kNone) nodes[nodes[i].parent].children.push_back(i);
  }
}

// One node with the lines of the tree that lead to it. `below` is drawn in front of what belongs to the node.
struct Placed {
  const Node* node;
  std::string lead;
  std::string below;
  bool flattened;  ///< its place no longer shows its parent
};

// Depth first with a stack of its own: a plan may be a chain of thousands.
std::vector<Placed> place_all(const std::vector<Node>& nodes) {
  struct Pending {
    std::size_t node;
    std::string prefix;
    bool last;
    std::size_t depth;
  };
  std::vector<Pending> stack;
  std::vector<std::size_t> roots;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].parent == kNone) roots.push_back(i);
  }
  for (std::size_t i = roots.size(); i-- > 0;) stack.push_back({roots[i], "", i + 1 == roots.size(), 0});

  std::vector<Placed> out;
  while (!stack.empty()) {
    const Pending at = std::move(stack.back());
    stack.pop_back();
    const Node& node = nodes[at.node];
    const std::string inner = at.prefix + (at.last ? "   " : "│  ");
    const bool deep = at.depth >= kDepthMax;
    const std::string below = inner + (node.children.empty() || deep ? "   " : "│  ");
    out.push_back({&node, at.prefix + (at.last ? "└─ " : "├─ "), below, at.depth > kDepthMax});
    for (std::size_t i = node.children.size(); i-- > 0;) {
      const bool last = i + 1 == node.children.size();
      // Beyond the limit the children of a node stand beside it, so the parent's own line must go on.
      stack.push_back({node.children[i], deep ? at.prefix : inner, deep ? at.last && last : last, at.depth + 1});
    }
  }
  return out;
}

std::string_view mark_of(std::string_view state, std::string_view phase) {
  if (state == "verified") return "✔";
  if (state == "executed") return phase == "unverified" ? "?" : "◆";
  if (state == "failed") return "✘";
  if (state == "skipped" || state == "cancelled") return "–";
  if (phase == "in_doubt") return "?";
  if (phase == "blocked" || phase == "waiting" || phase == "awaiting_approval" || phase.empty()) return "·";
  return "▶";
}

std::vector<Span> row_of(const Placed& placed, const View& view) {
  const Json& action = *placed.node->action;
  const std::string state = text_of(action, "state");
  const std::string phase = text_of(action, "phase", "");
  const bool phase_matters = !phase.empty() && state != "failed";
  const Style style = style_of(phase_matters ? phase : state);

  const Json* tool = action.find("tool");
  const std::string tool_name = tool != nullptr && tool->is_object() ? text_of(*tool, "name") : text_of(action, "tool");
  const std::string attempts = short_of(action, "attempts", "0");
  const std::string confidence = text_of(action, "confidence", "none");
  const std::string record = short_of(action, "record_id", "");

  std::string end = "verified_at";
  if (state == "executed") end = "executed_at";
  // What ended otherwise has no stamp of its own: `since` is when it came into the state it is in.
  if (state == "failed" || state == "cancelled" || state == "skipped") end = "since";
  return {{placed.lead + std::string(mark_of(state, phase)) + " " + placed.node->id, style},
          {tool_name},
          {phase_matters ? state + " (" + phase + ")" : state, style},
          {attempts == "0"   ? ""
           : attempts == "1" ? "1 attempt"
                             : attempts + " attempts"},
          {took(action, "started_at", end, view), Style::dim},
          {record.empty() ? "" : "record " + record},
          {confidence == "none" ? "" : "by " + confidence, Style::dim}};
}

// What one of Settle's own tools waits for, whose agreement, or which limit holds a send back; empty where none does.
std::string waits_for(const Json& action) {
  const Json* waits = action.find("waits_for");
  if (waits == nullptr || !waits->is_object()) return "";
  const std::string end = clock_of(action, "next_at");
  const std::string until = end == "-" ? "" : " until " + end + " UTC";
  if (waits->find("limit") != nullptr)
    return "held back by a limit of its tool (" + text_of(*waits, "limit") + ") since " + clock_of(*waits, "since") +
           until;
  if (waits->find("approval") != nullptr)
    return "waits for approval " + text_of(*waits, "approval") + ", " + short_of(*waits, "approved", "0") + " of " +
           short_of(*waits, "approvers") + " given" + (flag_of(*waits, "escalated") ? ", overdue" : until);
  if (waits->find("signal") != nullptr) return "waits for signal \"" + text_of(*waits, "signal") + "\"" + until;
  if (waits->find("workflow") != nullptr)
    return "waits for workflow " + text_of(*waits, "workflow") +
           (flag_of(*waits, "attention") ? ", which needs a person" : "");
  return "waits" + until;
}

std::vector<Line> notes_of(const Placed& placed, const std::vector<Node>& nodes) {
  const Json& action = *placed.node->action;
  std::vector<Line> notes;
  auto note = [&](std::string text, Style style) {
    notes.push_back({{placed.below, Style::plain}, {std::move(text), style}});
  };

  std::string others;
  for (const std::size_t before : placed.node->after) {
    if (before == placed.node->parent && !placed.flattened) continue;
    others += (others.empty() ? "after " : ", ") + nodes[before].id;
  }
  if (!others.empty()) note((placed.flattened ? "" : "also ") + others, Style::dim);

  const Json* error = action.find("error");
  if (error != nullptr && error->is_object()) {
    const std::string message = text_of(*error, "message", "");
    note(text_of(*error, "code") + (message.empty() ? "" : ": " + message), Style::red);
  }
  const Json* word = action.find("operator");
  if (word != nullptr && word->is_object())
    note(text_of(*word, "who") +
             (text_of(*word, "said") == "happened" ? " says it happened: " : " says it did not happen: ") +
             text_of(*word, "seen"),
         Style::cyan);
  const std::string effect = text_of(action, "effect", "");
  const bool ended_badly = text_of(action, "state") == "failed" || text_of(action, "state") == "cancelled";
  if (ended_badly && !effect.empty())
    note("effect on the world: " + effect, effect == "none" ? Style::dim : Style::red);
  const std::string waits = waits_for(action);
  if (!waits.empty()) note(waits, Style::dim);
  // What is held back has its own time limit as its next moment.
  const bool due = waits.empty() && clock_of(action, "next_at") != "-";
  if (due && text_of(action, "phase") == "ready")
    note("held back by the pause; its time is over at " + clock_of(action, "next_at") + " UTC", Style::dim);
  else if (due)
    note("next try at " + clock_of(action, "next_at") + " UTC", Style::dim);
  return notes;
}

std::vector<Line> heading_of(const Json& workflow, const View& view) {
  const std::string outcome = text_of(workflow, "outcome", "");
  const std::string status = text_of(workflow, "status");
  Line title = {{text_of(workflow, "name"), Style::bold}, {"  "}, {text_of(workflow, "id"), Style::dim}, {"  "}};
  title.push_back({outcome.empty() ? status : outcome, style_of(outcome.empty() ? status : outcome)});
  if (flag_of(workflow, "attention")) title.push_back({"  needs a person", style_of("attention")});

  std::string when = "created " + clock_of(workflow, "created_at") + " UTC";
  const bool ended = clock_of(workflow, "ended_at") != "-";
  const std::string span = took(workflow, "created_at", "ended_at", view);
  if (!span.empty()) when += (ended ? ", took " : ", running for ") + span;
  const std::string retries = short_of(workflow, "retries", "0");
  if (retries != "0") when += ", retried " + (retries == "1" ? std::string("once") : retries + " times");
  const std::string labels = labels_of(workflow);
  if (!labels.empty()) when += ", " + labels;
  const Json* parent = workflow.find("parent");
  if (parent != nullptr && parent->is_object())
    when += ", run by " + text_of(*parent, "action") + " of " + text_of(*parent, "workflow");
  return {title, {{when, Style::dim}}};
}

}  // namespace

std::vector<Line> lay_out_workflow(const Json& workflow, const View& view) {
  std::vector<Node> nodes = nodes_of(workflow);
  choose_parents(nodes);
  const std::vector<Placed> placed = place_all(nodes);

  Table table;
  for (const Placed& one : placed) table.rows.push_back(row_of(one, view));
  std::vector<Line> rows = lay_out(table);

  std::vector<Line> lines = heading_of(workflow, view);
  for (std::size_t i = 0; i < placed.size(); ++i) {
    lines.push_back(std::move(rows[i]));
    for (Line& note : notes_of(placed[i], nodes)) lines.push_back(std::move(note));
  }
  return lines;
}

std::string render_workflow(const Json& workflow, const View& view) {
  return draw_lines(lay_out_workflow(workflow, view), view);
}

std::vector<Line> fit_height(std::vector<Line> lines, const View& view) {
  // The last row of a terminal stays free for the cursor.
  if (view.lines < 3 || lines.size() < view.lines) return lines;
  const std::size_t kept = view.lines - 2;
  const std::size_t hidden = lines.size() - kept;
  lines.resize(kept);
  lines.push_back({{"… " + std::to_string(hidden) + " more lines; the terminal is too low for them", Style::dim}});
  return lines;
}

}  // namespace settle
