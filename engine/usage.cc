#include "engine/usage.h"

#include "engine/listing.h"
#include "engine/load.h"

namespace settle {
namespace {

/// Adds if the sum is not beyond the limit.
bool take_of(std::atomic<std::int64_t>& used, std::int64_t more, const std::optional<std::int64_t>& limit) {
  if (!limit || more == 0) {
    used.fetch_add(more, std::memory_order_relaxed);
    return true;
  }
  std::int64_t was = used.load(std::memory_order_relaxed);
  do {
    if (was + more > *limit) return false;
  } while (!used.compare_exchange_weak(was, was + more, std::memory_order_relaxed));
  return true;
}

}  // namespace

const QuotaLimits& QuotaOptions::of(std::string_view name_space) const {
  const auto found = own.find(name_space);
  return found == own.end() ? usual : found->second;
}

Error NamespaceUse::too_many(const Share& share) const {
  return fail(ErrorCode::quota_exceeded,
              "namespace \"" + name_space_ + "\" may have " + std::to_string(*limits_.open_workflows) +
                  " open workflows and has " + std::to_string(now().workflows) + "; there is room for " +
                  (share.workflows == 1 ? "another" : std::to_string(share.workflows)) + " when one has ended");
}

Error NamespaceUse::too_much(const Share& share) const {
  return fail(ErrorCode::quota_exceeded, "the open workflows of namespace \"" + name_space_ + "\" may keep " +
                                             std::to_string(*limits_.bytes) + " bytes and keep " +
                                             std::to_string(now().bytes) + "; another " + std::to_string(share.bytes) +
                                             " would be too much. What has ended no longer counts");
}

/// What will never fit is not told to come later.
Result<void> NamespaceUse::ever_fits(const Share& share) const {
  if (!limits_.bytes || share.bytes <= *limits_.bytes) return {};
  return fail(ErrorCode::payload_too_large, "it would keep " + std::to_string(share.bytes) +
                                                " bytes, and all open workflows of namespace \"" + name_space_ +
                                                "\" together may keep " + std::to_string(*limits_.bytes));
}

Result<void> NamespaceUse::take(const Share& share) {
  if (Result<void> fits = ever_fits(share); !fits) return fits;
  if (!take_of(workflows_, share.workflows, limits_.open_workflows)) return too_many(share);
  if (take_of(bytes_, share.bytes, limits_.bytes)) return {};
  add({-share.workflows, 0});
  return too_much(share);
}

Result<void> NamespaceUse::has_room(const Share& share) const {
  if (Result<void> fits = ever_fits(share); !fits) return fits;
  const Share used = now();
  const auto fits = [](std::int64_t sum, std::int64_t more, const std::optional<std::int64_t>& limit) {
    return !limit || more == 0 || sum + more <= *limit;
  };
  if (!fits(used.workflows, share.workflows, limits_.open_workflows)) return too_many(share);
  if (!fits(used.bytes, share.bytes, limits_.bytes)) return too_much(share);
  return {};
}

void NamespaceUse::add(const Share& share) {
  if (share.workflows != 0) workflows_.fetch_add(share.workflows, std::memory_order_relaxed);
  if (share.bytes != 0) bytes_.fetch_add(share.bytes, std::memory_order_relaxed);
}

void NamespaceUse::give_back(const Share& share) {
  add({-share.workflows, -share.bytes});
  if (share.workflows > 0) freed_.fetch_add(static_cast<std::uint64_t>(share.workflows), std::memory_order_relaxed);
}

Share NamespaceUse::now() const {
  return {workflows_.load(std::memory_order_relaxed), bytes_.load(std::memory_order_relaxed)};
}

NamespaceUse& Usage::of(const std::string& name_space) {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<NamespaceUse>& use = namespaces_[name_space];
  if (use == nullptr) use = std::make_unique<NamespaceUse>(name_space, options_.of(name_space));
  return *use;
}

Share Usage::now(std::string_view name_space) const {
  const std::lock_guard lock(mutex_);
  const auto found = namespaces_.find(name_space);
  return found == namespaces_.end() ? Share() : found->second->now();
}

Result<void> Usage::count(const Reader& reader, const std::optional<WriteBatch>& marks,
                          const std::function<void(const Error&)>& damaged) {
  return each_open(reader, marks, [&](const std::string& name_space, const std::string& id) -> Result<void> {
    NamespaceUse& use = of(name_space);
    Share share{.workflows = 1};
    if (use.limits().bytes) {
      const Result<std::uint64_t> bytes = kept_bytes_of(reader, name_space, id);
      if (!bytes && bytes.error().code != ErrorCode::corruption) return bytes.error();
      if (!bytes) damaged(bytes.error());  // which is no reason to keep all others from going on
      share.bytes = bytes ? static_cast<std::int64_t>(*bytes) : 0;
    }
    use.add(share);
    return {};
  });
}

}  // namespace settle
