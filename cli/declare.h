#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>

#include "cli/options.h"

namespace settle {

// Small helpers with which commands and their options are declared. Internal to the files that do so.

/// The help of one command, in the order in which a reader wants it.
struct Help {
  const char* summary;
  const char* about;
  const char* example;
  const char* exits;
};

inline constexpr const char* kClientExits =
    "0 done; 4 no such thing; 6 token refused; 7 server busy; 8 server not reachable";

/// Adds the command `name` below `parent`; when it is chosen, `options.command` says so ("tools put").
CLI::App* command(CLI::App& parent, Options& options, const std::string& name, const Help& help);

/// A duration as plans write it ("30s"); refused otherwise.
CLI::Option* add_duration(CLI::App* app, const std::string& flag, std::function<void(Duration)> set,
                          const std::string& text);
CLI::Option* add_text(CLI::App* app, const std::string& flag, std::string& target, const char* type,
                      const std::string& text);
CLI::Option* add_text(CLI::App* app, const std::string& flag, std::optional<std::string>& target, const char* type,
                      const std::string& text);
void add_id(CLI::App* app, std::string& target, const char* what = "id of the workflow");

/// Labels travel as key=value everywhere on the command line. Empty, or what is wrong.
std::string check_label(const std::string& text);

/// The filters of a listing.
void add_filters(CLI::App* app, FilterOptions& target);

/// approvals, approve, reject (approval_options.cc).
void declare_approvals(CLI::App& app, Options& options);

/// What a person decides: cancel, pause, resume, retry, resolve (operator_options.cc).
void declare_operators(CLI::App& app, Options& options);

/// subscription, dead-letters, feed (subscription_options.cc).
void declare_subscriptions(CLI::App& app, Options& options);

/// schedule (schedule_options.cc).
void declare_schedules(CLI::App& app, Options& options);

/// Tokens (token_options.cc).
void declare_tokens(CLI::App& app, Options& options);

}  // namespace settle
