#pragma once

#include <memory>
#include <optional>
#include <utility>

namespace settle {

/// A std::optional that takes one pointer while it is empty: for members that few of many objects have. A value, copied
/// with its owner; equal when both are empty or both values are equal.
template <typename T>
class Rare {
 public:
  Rare() = default;
  Rare(std::nullopt_t) {}
  Rare(T value) : value_(std::make_unique<T>(std::move(value))) {}
  Rare(std::optional<T> value) : value_(value ? std::make_unique<T>(std::move(*value)) : nullptr) {}
  Rare(const Rare& other) : value_(copy_of(other)) {}
  Rare(Rare&& other) noexcept = default;
  Rare& operator=(const Rare& other) {
    if (this != &other) value_ = copy_of(other);
    return *this;
  }
  Rare& operator=(Rare&& other) noexcept = default;
  ~Rare() = default;

  T& emplace() { return *(value_ = std::make_unique<T>()); }
  void reset() { value_.reset(); }

  bool has_value() const { return value_ != nullptr; }
  explicit operator bool() const { return has_value(); }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return value_.get(); }
  const T* operator->() const { return value_.get(); }

  T value_or(T other) const { return value_ ? *value_ : std::move(other); }

  friend bool operator==(const Rare& a, const Rare& b) {
    return a.has_value() == b.has_value() && (!a.has_value() || *a == *b);
  }
  // As exact as the template that std::optional brings, which would take two empty ones for different.
  friend bool operator==(const Rare& a, const std::optional<T>& b) {
    return a.has_value() == b.has_value() && (!a.has_value() || *a == *b);
  }
  friend bool operator==(const Rare& a, const T& b) { return a.has_value() && *a == b; }
  friend bool operator==(const Rare& a, std::nullopt_t) { return !a.has_value(); }

 private:
  static std::unique_ptr<T> copy_of(const Rare& other) {
    return other.value_ ? std::make_unique<T>(*other.value_) : nullptr;
  }

  std::unique_ptr<T> value_;
};

}  // namespace settle
