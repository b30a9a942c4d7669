#include "engine/listing.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "base/text.h"
#include "engine/documents.h"
#include "storage/codec.h"
#include "storage/keys.h"

namespace settle {
namespace {

/// One request looks at no more, so that it does not hold its loop up.
constexpr std::size_t looked_at_max = 1'000;

/// Each has its letter in the key.
constexpr std::array<char, 4> letters = {'o', 'p', 'f', 'c'};
constexpr Marks open = 1, needs_person = 2, failed = 4, cancelled = 8;

Marks marks_of(WorkflowStatus status, bool attention, WorkflowOutcome outcome) {
  Marks out = 0;
  if (status != WorkflowStatus::ended) out |= open;
  if (attention) out |= needs_person;
  if (status == WorkflowStatus::ended && outcome == WorkflowOutcome::failed) out |= failed;
  if (status == WorkflowStatus::ended && outcome == WorkflowOutcome::cancelled) out |= cancelled;
  return out;
}

char letter_of(Marks one) {
  return letters[static_cast<std::size_t>(__builtin_ctz(one))];
}

/// The rarest mark that everything of the query has; null: none.
std::optional<char> mark_for(const ListQuery& query) {
  if (query.attention.value_or(false)) return letter_of(needs_person);
  if (query.status && *query.status != WorkflowStatus::ended) return letter_of(open);
  if (query.outcome == WorkflowOutcome::failed) return letter_of(failed);
  if (query.outcome == WorkflowOutcome::cancelled) return letter_of(cancelled);
  return std::nullopt;
}

bool fits(const ListQuery& query, const Summary& summary) {
  const auto label = summary.labels.find(query.label_name);
  return (!query.status || summary.status == *query.status) && (!query.outcome || summary.outcome == *query.outcome) &&
         (!query.attention || summary.attention == *query.attention) &&
         (query.name.empty() || summary.name == query.name) &&
         (query.tool.empty() ||
          std::find(summary.tools.begin(), summary.tools.end(), query.tool) != summary.tools.end()) &&
         (query.label_name.empty() || (label != summary.labels.end() && label->second == query.label_value));
}

/// Creation and id, as a cursor has them.
using Place = std::pair<Time, std::string>;

std::string cursor_of(const Place& place) {
  return std::to_string(place.first.time_since_epoch().count()) + "." + place.second;
}

std::optional<Place> read_cursor(const std::string& cursor) {
  const std::size_t dot = cursor.find('.');
  const std::optional<std::size_t> at = parse_index(cursor.substr(0, dot));
  if (dot == std::string::npos || !at || !is_name(cursor.substr(dot + 1))) return std::nullopt;
  return Place(Time(Duration(static_cast<std::int64_t>(*at))), cursor.substr(dot + 1));
}

Error damaged() {
  return fail(ErrorCode::corruption, "a listing entry has a wrong key");
}

/// What the keys of all marks begin with.
constexpr std::string_view all_marks = "M";

/// One page, while it is put together.
class Page {
 public:
  Page(const Reader& reader, const ListQuery& query)
      : reader_(reader),
        query_(query),
        mark_(mark_for(query)),
        prefix_(mark_ ? keys::mark_prefix(query.name_space, *mark_) : keys::summary_prefix(query.name_space)) {}

  Result<Json> read() {
    std::string from = prefix_;
    if (query_.created_before) from = key(*query_.created_before - Duration(1), "");
    if (!query_.cursor.empty()) {
      const std::optional<Place> after = read_cursor(query_.cursor);
      if (!after) return fail(ErrorCode::invalid_argument, "this cursor is none that the list gave");
      from = key(after->first, after->second) + '\0';
    }
    const Result<void> scanned =
        reader_.scan(Family::index, {.from = from, .to = keys::after(prefix_)},
                     [this](std::string_view found, std::string_view value) { return visit(found, value); });
    if (!scanned) return scanned.error();
    if (error_) return *error_;
    return Json::object({{"workflows", std::move(found_)}, {"next_cursor", more_ ? Json(cursor_of(last_)) : Json()}});
  }

 private:
  std::string key(Time created, std::string_view id) const {
    return mark_ ? keys::mark(query_.name_space, *mark_, created, id) : keys::summary(query_.name_space, created, id);
  }

  /// False: the page is over.
  bool visit(std::string_view key, std::string_view value) {
    std::optional<Place> place = keys::parse_place(key, prefix_);
    if (!place) return over(damaged());
    if (query_.created_after && place->first <= *query_.created_after) return false;
    if (found_.size() >= query_.limit || looked_at_ >= looked_at_max) {
      more_ = true;
      return false;
    }
    ++looked_at_;
    last_ = *std::move(place);
    std::string listed;
    if (mark_) {
      Result<std::optional<std::string>> entry =
          reader_.get(Family::index, keys::summary(query_.name_space, last_.first, last_.second));
      if (!entry) return over(entry.error());
      if (!*entry) return over(damaged());
      listed = **std::move(entry);
      value = listed;
    }
    Result<Summary> summary = decode_summary(value);
    if (!summary) return over(summary.error());
    summary->id = last_.second;
    if (fits(query_, *summary)) found_.push_back(summary_document(*summary));
    return true;
  }

  bool over(Error error) {
    error_ = std::move(error);
    return false;
  }

  const Reader& reader_;
  const ListQuery& query_;
  const std::optional<char> mark_;
  const std::string prefix_;
  Json::Array found_;
  std::optional<Error> error_;
  Place last_;
  std::size_t looked_at_ = 0;
  bool more_ = false;
};

}  // namespace

Result<Json> list_workflows(const Reader& reader, const ListQuery& query) {
  return Page(reader, query).read();
}

Marks marks_of(const WorkflowHeader& header) {
  return marks_of(header.status, header.attention, header.outcome);
}

void change_marks(const WorkflowHeader& header, Marks from, Marks to, WriteBatch& batch) {
  for (Marks one = open; one <= cancelled; one = static_cast<Marks>(one << 1)) {
    if (((from ^ to) & one) == 0) continue;
    std::string key = keys::mark(header.name_space, letter_of(one), header.created_at, header.id);
    if ((to & one) != 0) batch.mark(Family::index, std::move(key));
    if ((to & one) == 0) batch.unmark(Family::index, std::move(key));
  }
}

namespace {

using VisitOpen = std::function<Result<void>(const std::string& name_space, const std::string& id)>;

/// The namespace in the key of a mark; null: it is none.
std::optional<std::string> namespace_of_mark(std::string_view key) {
  const std::size_t end = key.find('\0');
  if (!key.starts_with(all_marks) || end == std::string_view::npos) return std::nullopt;
  return std::string(key.substr(all_marks.size(), end - all_marks.size()));
}

/// Of the marks of one namespace those of what is open; `name_space` is named by the key.
Result<void> visit_open(std::string_view key, const std::string& name_space, const VisitOpen& visit) {
  const std::optional<Place> place = keys::parse_place(key, keys::mark_prefix(name_space, letter_of(open)));
  if (!place) return damaged();
  return visit(name_space, place->second);
}

/// The first namespace with a mark whose key is not below `from`; null: there is none.
Result<std::optional<std::string>> next_namespace(const Reader& reader, const std::string& from) {
  std::optional<std::string> found;
  bool any = false;
  const Result<void> scanned = reader.scan(Family::index, {.from = from, .to = keys::after(std::string(all_marks))},
                                           [&](std::string_view key, std::string_view) {
                                             any = true;
                                             found = namespace_of_mark(key);
                                             return false;
                                           });
  if (!scanned) return scanned.error();
  if (any && !found) return damaged();
  return found;
}

}  // namespace

Result<void> each_open(const Reader& reader, const std::optional<WriteBatch>& marks, const VisitOpen& visit) {
  Result<void> out;
  for (const Write& write : marks ? marks->writes : std::vector<Write>()) {
    const std::optional<std::string> name_space = namespace_of_mark(write.key);
    if (!write.is_mark || !name_space || !write.key.starts_with(keys::mark_prefix(*name_space, letter_of(open))))
      continue;
    if (out = visit_open(write.key, *name_space, visit); !out) return out;
  }
  Result<std::optional<std::string>> name_space = next_namespace(reader, std::string(all_marks));
  for (; name_space && *name_space; name_space = next_namespace(reader, keys::after(keys::marks_of(**name_space)))) {
    const std::string prefix = keys::mark_prefix(**name_space, letter_of(open));
    const Result<void> scanned = reader.scan(Family::index, {.from = prefix, .to = keys::after(prefix)},
                                             [&](std::string_view key, std::string_view) {
                                               out = visit_open(key, **name_space, visit);
                                               return static_cast<bool>(out);
                                             });
    if (!scanned) return scanned;
    if (!out) return out;
  }
  if (!name_space) return name_space.error();
  return out;
}

Result<std::optional<WriteBatch>> marks_to_begin_with(const Reader& reader) {
  const Result<std::optional<std::string>> has_them = reader.get(Family::meta, keys::marks);
  if (!has_them) return has_them.error();
  if (*has_them) return std::optional<WriteBatch>();
  WriteBatch batch;
  std::optional<Error> error;
  const std::string all = "A";
  const Result<void> scanned = reader.scan(
      Family::index, {.from = all, .to = keys::after(all)}, [&](std::string_view key, std::string_view value) {
        WorkflowHeader header;
        header.name_space = key.substr(1, key.find('\0') - 1);
        const std::optional<Place> place = keys::parse_place(key, keys::summary_prefix(header.name_space));
        const Result<Summary> summary = decode_summary(value);
        if (!place || !summary) {
          error = place ? summary.error() : damaged();
          return false;
        }
        std::tie(header.created_at, header.id) = *place;
        change_marks(header, 0, marks_of(summary->status, summary->attention, summary->outcome), batch);
        return true;
      });
  if (!scanned) return scanned.error();
  if (error) return *error;
  batch.put(Family::meta, std::string(keys::marks), "1");
  return std::optional(std::move(batch));
}

}  // namespace settle
