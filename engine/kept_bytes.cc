#include "engine/kept_bytes.h"

namespace settle {

void KeptBytes::set(Of of, ActionIndex run, std::size_t bytes) {
  if (runs_.size() <= run) {
    if (bytes == 0) return;
    runs_.resize(std::size_t{run} + 1);
  }
  std::uint32_t& known = runs_[run][static_cast<std::size_t>(of)];
  total_ = total_ - known + bytes;
  known = static_cast<std::uint32_t>(bytes);
}

std::size_t KeptBytes::of(Of of, ActionIndex run) const {
  return run < runs_.size() ? runs_[run][static_cast<std::size_t>(of)] : 0;
}

void KeptBytes::signals(const std::vector<SignalState>& all) {
  for (; signals_ < all.size(); ++signals_) total_ += all[signals_].bytes;
}

}  // namespace settle
