// Closed-loop clients of a running engine: each submits a plan of sequential actions, waits for its end, and begins
// again.
//
//     load --engine PORT --process PID [--clients 64] [--actions 10] [--seconds 5] [--warm 1] [--tool bench.put]
//          [--input JSON]                                    of every action; by default a value of 100 bytes
//     load --engine PORT --process PID --until taken …       begins again at the 201: what was submitted is left alone
//     load --engine PORT --process PID --submit COUNT …      submits so many and waits for none of them
//     load … --elements COUNT                                one action over a list of so many instead, all at once
//
// What is refused for now (429 or 503 with Retry-After) is counted, and its client waits as long as it is told to.
// Prints one line of JSON. Exit code 1 when anything ended otherwise than verified, or was neither taken nor refused
// so.
#include "bench/load/wire.h"

namespace {

using namespace settle::bench;

std::string request(const std::string& first_line, const std::string& body) {
  std::string out = first_line + " HTTP/1.1\r\nHost: 127.0.0.1\r\n";
  if (!body.empty()) out += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  return out + "\r\n" + body;
}

/// {"plan": …} of `actions` actions, each after the one before it.
std::string submission(const std::string& tool, std::size_t actions, const std::string& input) {
  std::string out = "{\"plan\":{\"name\":\"load\",\"actions\":[";
  for (std::size_t i = 0; i < actions; ++i) {
    out += (i == 0 ? "{\"id\":\"a" : ",{\"id\":\"a") + std::to_string(i) + "\",\"tool\":\"" + tool + "\",";
    if (i > 0) out += "\"after\":[\"a" + std::to_string(i - 1) + "\"],";
    const std::string value = "{\"value\":\"" + std::string(100, static_cast<char>('a' + i % 26)) + "\"}";
    out += "\"input\":" + (input.empty() ? value : input) + "}";
  }
  return out + "]}}";
}

/// {"plan": …} of one action over a list.
std::string submission_of_list(const std::string& tool, std::size_t elements, const std::string& input) {
  std::string out = "{\"plan\":{\"name\":\"list\",\"actions\":[{\"id\":\"a\",\"tool\":\"" + tool + "\",\"for_each\":[";
  for (std::size_t i = 0; i < elements; ++i) out += (i == 0 ? "" : ",") + std::to_string(i);
  return out + "],\"input\":" + (input.empty() ? "{\"value\":{\"$text\":\"${/item}\"}}" : input) + "}]}}";
}

struct Client {
  Channel channel;
  std::string wait;  ///< the request that waits for the workflow's end; empty: the submission is under way
  Clock::time_point begun;
  std::optional<Clock::time_point> again;  ///< it was refused, and begins again then
};

class Load {
 public:
  explicit Load(const Arguments& given)
      : port_(static_cast<std::uint16_t>(given.number("--engine"))),
        process_(given.text("--process")),
        elements_(given.number("--elements")),
        actions_(elements_ > 0 ? elements_ : given.number("--actions")),
        to_submit_(given.number("--submit")),
        until_taken_(to_submit_ > 0 || given.text("--until") == "taken"),
        submit_(request("POST /v1/workflows",
                        elements_ > 0 ? submission_of_list(given.text("--tool"), elements_, given.text("--input"))
                                      : submission(given.text("--tool"), actions_, given.text("--input")))),
        window_(to_submit_ > 0 ? Seconds(0) : given.seconds("--warm"), given.seconds("--seconds")),
        clients_(given.number("--clients")) {}

  int run() {
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      clients_[i].channel.socket = connect_to(port_);
      poll_.add(clients_[i].channel.socket, i);
      begin(clients_[i]);
    }
    const Clock::time_point started = Clock::now();
    double cpu_before = cpu_micros(process_), cpu_after = 0;
    bool counting = false;
    while (under_way_ > 0) {
      poll_.wait(20, [this](std::uint64_t owner) { advance(clients_[owner]); });
      const Clock::time_point now = Clock::now();
      for (Client& client : clients_) {
        if (client.again && (now >= *client.again || now >= window_.end)) {
          client.again.reset();
          --under_way_;
          begin(client);
        }
      }
      if (!counting && now >= window_.begin) {
        counting = true;
        cpu_before = to_submit_ > 0 ? cpu_before : cpu_micros(process_);
      }
      if (cpu_after == 0 && to_submit_ == 0 && now >= window_.end) cpu_after = cpu_micros(process_);
    }
    if (to_submit_ > 0) return print_submitted(Clock::now() - started, cpu_micros(process_) - cpu_before);
    return until_taken_ ? print_taken(cpu_after - cpu_before) : print(cpu_after - cpu_before);
  }

 private:
  void begin(Client& client) {
    const bool over = to_submit_ > 0 ? submitted_ >= to_submit_ : Clock::now() >= window_.end;
    if (over) return;
    ++submitted_;
    ++under_way_;
    client.wait.clear();
    client.begun = Clock::now();
    if (!client.channel.send_all(submit_)) give_up("the engine does not take a request");
  }

  void advance(Client& client) {
    if (!client.channel.read()) give_up("the engine closed a connection");
    client.channel.each_message([&](const Message& answer) {
      take(client, answer);
      return true;
    });
  }

  void take(Client& client, const Message& answer) {
    if (client.wait.empty()) {
      const bool later = answer.status() == 429 || answer.status() == 503;
      if (const std::string_view wait = answer.field("retry-after"); later && !wait.empty()) {
        ++refused_;
        client.again = Clock::now() + std::chrono::seconds(std::strtol(std::string(wait).c_str(), nullptr, 10));
        return;
      }
      const std::size_t id = answer.body.find("\"id\":\"");
      if (answer.status() != 201 || id == std::string_view::npos) return ended(client, false);
      if (until_taken_) return ended(client, true);
      const std::size_t id_end = answer.body.find('"', id + 6);
      client.wait =
          request("GET /v1/workflows/" + std::string(answer.body.substr(id + 6, id_end - id - 6)) + "?wait=60s", "");
    } else if (answer.status() != 200 || answer.body.find("\"status\":\"ended\"") != std::string_view::npos) {
      return ended(client, answer.body.find("\"outcome\":\"verified\"") != std::string_view::npos);
    }
    if (!client.channel.send_all(client.wait)) give_up("the engine does not take a request");
  }

  void ended(Client& client, bool well) {
    const Clock::time_point now = Clock::now();
    --under_way_;
    if (!well) ++others_;
    if (well && window_.holds(now))
      milliseconds_.push_back(std::chrono::duration<double, std::milli>(now - client.begun).count());
    begin(client);
  }

  int print(double engine_cpu) {
    const double workflows = static_cast<double>(milliseconds_.size());
    const double actions = workflows * static_cast<double>(actions_);
    std::printf(
        "{\"clients\":%zu,\"actions_per_workflow\":%zu,\"workflows_per_s\":%.1f,\"actions_per_s\":%.1f,"
        "\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"cpu_us_per_action\":%.1f,\"others\":%zu,\"refused\":%zu,"
        "\"all_workflows\":%zu}\n",
        clients_.size(), actions_, workflows / window_.seconds(), actions / window_.seconds(),
        percentile(milliseconds_, 0.5), percentile(milliseconds_, 0.99), engine_cpu / std::max(actions, 1.0), others_,
        refused_, submitted_);
    return others_ == 0 && workflows > 0 ? 0 : 1;
  }

  int print_taken(double engine_cpu) {
    const double count = static_cast<double>(milliseconds_.size());
    std::printf(
        "{\"clients\":%zu,\"submissions_per_s\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
        "\"cpu_us_per_submission\":%.1f,\"others\":%zu,\"refused\":%zu}\n",
        clients_.size(), count / window_.seconds(), percentile(milliseconds_, 0.5), percentile(milliseconds_, 0.99),
        engine_cpu / std::max(count, 1.0), others_, refused_);
    return others_ == 0 && count > 0 ? 0 : 1;
  }

  int print_submitted(Clock::duration took, double engine_cpu) const {
    const double count = static_cast<double>(submitted_);
    std::printf(
        "{\"clients\":%zu,\"submitted\":%zu,\"submissions_per_s\":%.1f,\"cpu_us_per_submission\":%.1f,\"others\":%zu}"
        "\n",
        clients_.size(), submitted_, count / std::chrono::duration<double>(took).count(), engine_cpu / count, others_);
    return others_ == 0 ? 0 : 1;
  }

  const std::uint16_t port_;
  const std::string process_;
  const std::size_t elements_, actions_, to_submit_;
  const bool until_taken_;
  const std::string submit_;
  const Window window_;
  Poll poll_;
  std::vector<Client> clients_;
  std::vector<double> milliseconds_;
  std::size_t submitted_ = 0, under_way_ = 0, others_ = 0, refused_ = 0;
};

}  // namespace

int main(int count, char** arguments) {
  const Arguments given(count, arguments,
                        {{"--engine", "8700"},
                         {"--process", ""},
                         {"--clients", "64"},
                         {"--actions", "10"},
                         {"--seconds", "5"},
                         {"--warm", "1"},
                         {"--submit", "0"},
                         {"--elements", "0"},
                         {"--until", "ended"},
                         {"--tool", "bench.put"},
                         {"--input", ""}});
  return Load(given).run();
}
