// The bare client: the calls that the engine makes for the same plans, one POST and one GET for each action, compared
// field by field, over as many connections; no plan, no record, no durability. What it reaches is the ceiling here.
//
//     bare --tools PORT [--clients 64] [--actions 10] [--seconds 5] [--warm 1] [--threads 2]
//
// Prints one line of JSON. "cpu_us_per_action" is the client's own CPU time.
#include <mutex>
#include <thread>

#include "bench/load/wire.h"

namespace {

using namespace settle::bench;

struct Client {
  Channel channel;
  std::string id;  ///< of the record that is being read back; empty: a POST is under way
  std::size_t left = 0;
  Clock::time_point begun;
};

struct Sum {
  std::mutex mutex;
  std::vector<double> milliseconds;
  std::size_t others = 0;
};

/// The connections of one thread, each running one workflow after the other.
class Caller {
 public:
  Caller(const Arguments& given, std::size_t clients, std::size_t number, const Window& window)
      : port_(static_cast<std::uint16_t>(given.number("--tools"))),
        actions_(given.number("--actions")),
        value_("\"value\":\"" + std::string(100, 'a') + "\""),
        clients_(clients),
        window_(window),
        next_key_((static_cast<std::uint64_t>(getpid()) << 40) + (static_cast<std::uint64_t>(number) << 32)) {
    const std::string body = "{" + value_ + "}";
    post_ = "POST /effects HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: " +
            std::to_string(body.size()) + "\r\nIdempotency-Key: " + std::string(32, '0') + "\r\n\r\n" + body;
    key_at_ = post_.find(std::string(32, '0'));
  }

  void run(Sum& sum) {
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      clients_[i].channel.socket = connect_to(port_);
      poll_.add(clients_[i].channel.socket, i);
      begin(clients_[i]);
    }
    while (under_way_ > 0) {
      poll_.wait(100, [this](std::uint64_t owner) {
        Client& client = clients_[owner];
        if (!client.channel.read()) give_up("the tool server closed a connection");
        client.channel.each_message([&](const Message& answer) {
          take(client, answer);
          return true;
        });
      });
    }
    const std::lock_guard lock(sum.mutex);
    sum.milliseconds.insert(sum.milliseconds.end(), milliseconds_.begin(), milliseconds_.end());
    sum.others += others_;
  }

 private:
  void begin(Client& client) {
    if (Clock::now() >= window_.end) return;
    ++under_way_;
    client.left = actions_;
    client.begun = Clock::now();
    post(client);
  }

  void post(Client& client) {
    client.id.clear();
    char digits[33];
    std::snprintf(digits, sizeof digits, "%032llx", static_cast<unsigned long long>(++next_key_));
    post_.replace(key_at_, 32, digits, 32);
    if (!client.channel.send_all(post_)) give_up("the tool server does not take a request");
  }

  void take(Client& client, const Message& answer) {
    const bool same = answer.body.find(value_) != std::string_view::npos;
    if (client.id.empty()) {
      const std::size_t id = answer.body.find("\"id\":\"");
      if (answer.status() != 201 || !same || id == std::string_view::npos) give_up("the tool server refused a call");
      client.id = answer.body.substr(id + 6, answer.body.find('"', id + 6) - id - 6);
      get_.assign("GET /effects/").append(client.id).append(" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
      if (!client.channel.send_all(get_)) give_up("the tool server does not take a request");
      return;
    }
    const bool tied = answer.body.find("\"id\":\"" + client.id + "\"") != std::string_view::npos;
    if (answer.status() != 200 || !same || !tied) ++others_;
    if (--client.left > 0) return post(client);
    const Clock::time_point now = Clock::now();
    --under_way_;
    if (window_.holds(now))
      milliseconds_.push_back(std::chrono::duration<double, std::milli>(now - client.begun).count());
    begin(client);
  }

  const std::uint16_t port_;
  const std::size_t actions_;
  const std::string value_;
  std::string post_, get_;
  std::size_t key_at_ = 0;
  Poll poll_;
  std::vector<Client> clients_;
  const Window& window_;
  std::uint64_t next_key_;
  std::vector<double> milliseconds_;
  std::size_t under_way_ = 0, others_ = 0;
};

}  // namespace

int main(int count, char** arguments) {
  const Arguments given(count, arguments,
                        {{"--tools", ""},
                         {"--clients", "64"},
                         {"--actions", "10"},
                         {"--seconds", "5"},
                         {"--warm", "1"},
                         {"--threads", "2"}});
  const std::size_t clients = given.number("--clients"), actions = given.number("--actions");
  const std::size_t threads = std::min(clients, std::max<std::size_t>(1, given.number("--threads")));
  const Window window(given.seconds("--warm"), given.seconds("--seconds"));
  Sum sum;
  std::vector<std::thread> callers;
  for (std::size_t i = 0; i < threads; ++i) {
    const std::size_t own = clients / threads + (i < clients % threads ? 1 : 0);
    callers.emplace_back([&, own, i] { Caller(given, own, i, window).run(sum); });
  }
  std::this_thread::sleep_until(window.begin);
  const double cpu_before = cpu_micros("self");
  std::this_thread::sleep_until(window.end);
  const double cpu = cpu_micros("self") - cpu_before;
  for (std::thread& caller : callers) caller.join();

  const double workflows = static_cast<double>(sum.milliseconds.size());
  const double all = workflows * static_cast<double>(actions);
  std::printf(
      "{\"clients\":%zu,\"actions_per_workflow\":%zu,\"workflows_per_s\":%.1f,\"actions_per_s\":%.1f,"
      "\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"cpu_us_per_action\":%.1f,\"others\":%zu}\n",
      clients, actions, workflows / window.seconds(), all / window.seconds(), percentile(sum.milliseconds, 0.5),
      percentile(sum.milliseconds, 0.99), cpu / std::max(all, 1.0), sum.others);
  return sum.others == 0 && workflows > 0 ? 0 : 1;
}
