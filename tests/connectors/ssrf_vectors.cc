#include "tests/connectors/ssrf_vectors.h"

namespace settle::test {
namespace {

using namespace std::string_literals;

void add(std::vector<SsrfVector>& out, std::vector<SsrfVector> more) {
  out.insert(out.end(), more.begin(), more.end());
}

/// URLs whose host, scheme or form two readers could understand differently: no one is asked where they lead.
std::vector<SsrfVector> disguised_urls() {
  const std::vector<std::string> urls = {
      // addresses as numbers that only a lenient reader knows
      "http://2130706433/", "http://017700000001/", "http://0x7f000001/", "http://0x7F000001/", "http://127.1/",
      "http://127.0.1/", "http://0177.0.0.1/", "http://0x7f.0.0.1/", "http://0x7f.1/", "http://127.0.0.01/",
      "http://127.0.0.1.5/", "http://127.0.0.256/", "http://1.2.3/", "http://2852039166/", "http://0xa9fea9fe/",
      "http://0251.0376.0251.0376/", "http://169.254.43518/", "http://0/", "http://00000000000/",
      "http://169.254.169.254./", "http://127.0.0.1../", "http://a.example.0x7f/", "http://a.example.1/",
      // names
      "http://localhost./", "http://a..example/", "http://.localhost/", "http://loc%61lhost/",
      "http://127%2e0%2e0%2e1/", "http://%6c%6f%63%61%6c/",
      "http://l\xc3\xb6"s
      "calhost/",
      "http://\xe2\x91\xa0.0.0.1/",
      "http://127\xe3\x80\x82"
      "0.0.1/",
      "http://local host/", "http://local\thost/", "http://localhost\0.example/"s,
      // user information, and what some readers take for it
      "http://user@127.0.0.1/", "http://user:secret@127.0.0.1/", "http://api.example@127.0.0.1/", "http://@127.0.0.1/",
      "http://api.example:80@127.0.0.1/", "http://127.0.0.1#@api.example/", "http://127.0.0.1%23@api.example/",
      "http://api.example#@127.0.0.1/", "http://api.example\\@127.0.0.1/", "http://api.example\\.127.0.0.1/",
      "http://api.example%40127.0.0.1/", "http://api.example;@127.0.0.1/", "http:\\\\127.0.0.1\\", "http:/\\127.0.0.1/",
      "http:///127.0.0.1/", "http:127.0.0.1/", "http:/127.0.0.1/", "//127.0.0.1/", "127.0.0.1/", "http://",
      // IPv6 that is none, or has more to it
      "http://[::1%25lo]/", "http://[fe80::1%eth0]/", "http://[::1/", "http://::1/", "http://[127.0.0.1]/",
      "http://[::ffff:7f00:1]x/", "http://[::1]:80:80/", "http://[v1.fe80::a]/", "http://[]/", "http://[::1].example/",
      // ports
      "http://127.0.0.1:/", "http://127.0.0.1:0/", "http://127.0.0.1:65536/", "http://127.0.0.1:+80/",
      "http://127.0.0.1: 80/", "http://127.0.0.1:0x50/", "http://127.0.0.1:80x/", "http://127.0.0.1:http/",
      // schemes
      "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1:6379/_SET%20a%201", "dict://127.0.0.1:6379/info",
      "ldap://127.0.0.1/", "jar:http://127.0.0.1/", "unix:///run/docker.sock", "http+unix://%2Frun%2Fdocker.sock/",
      "data:text/plain,x", "ws://127.0.0.1/", "h2c://127.0.0.1/", "javascript:1", "httpx://127.0.0.1/",
      " http://127.0.0.1/", "url:http://127.0.0.1/",
      // another request in the same bytes
      "http://api.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "http://api.example\r\n.127.0.0.1/",
      "http://api.example/\r\nX: y", "http://api.example/\n", "http://api.example/%", "http://api.example/%0",
      "http://api.example/\x7f"};
  std::vector<SsrfVector> out;
  for (const std::string& url : urls) out.push_back({"the URL " + url, url, "invalid_request"});
  return out;
}

/// Addresses as they are, strictly written, and each also as what a name stands for.
std::vector<SsrfVector> addresses(const std::vector<std::string>& list, const std::vector<std::string>& allow_private) {
  std::vector<SsrfVector> out;
  const std::string how = allow_private.empty() ? "" : ", though private ones are allowed";
  for (const std::string& address : list) {
    const std::string host = address.find(':') == std::string::npos ? address : "[" + address + "]";
    std::vector<std::string> allowed = allow_private;
    if (!allowed.empty()) allowed.push_back(host);
    out.push_back({"the address " + address + how, "http://" + host + "/", "address_forbidden", {}, allowed});
    out.push_back(
        {"a name for " + address + how, "http://trap.example/", "address_forbidden", {address}, allow_private});
  }
  return out;
}

/// Networks that only a host of allow_private may stand for.
const std::vector<std::string> inner = {"127.0.0.1",
                                        "127.255.255.254",
                                        "10.0.0.1",
                                        "10.255.255.255",
                                        "172.16.0.1",
                                        "172.31.255.255",
                                        "192.168.0.1",
                                        "100.64.0.1",
                                        "100.127.255.255",
                                        "192.0.0.1",
                                        "192.0.2.1",
                                        "198.18.0.1",
                                        "198.19.255.255",
                                        "198.51.100.1",
                                        "203.0.113.1",
                                        "192.88.99.1",
                                        "::1",
                                        "fc00::1",
                                        "fd12:3456::1",
                                        "fec0::1",
                                        "100::1",
                                        "2001::1",
                                        "2001:2::1",
                                        "2001:10::1",
                                        "2001:db8::1",
                                        "3fff::1",
                                        "5f00::1",
                                        "4000::1",
                                        "::ffff:127.0.0.1",
                                        "::ffff:10.0.0.1",
                                        "::ffff:0:127.0.0.1",
                                        "::127.0.0.1",
                                        "::8.8.8.8",
                                        "64:ff9b::127.0.0.1",
                                        "64:ff9b::10.0.0.1",
                                        "2002:7f00:1::",
                                        "2002:a00:1::1",
                                        "2002:c0a8:101::1",
                                        "2001:0:a00:1::1",
                                        "2001:0:808:808::80ff:fffe",
                                        "2606:4700::5efe:127.0.0.1",
                                        "2606:4700::200:5efe:10.0.0.1"};
/// Networks that nothing may stand for: the machine's own, its neighbours on the wire, everybody at once, and where
/// clouds hand out credentials.
const std::vector<std::string> never = {"0.0.0.0",
                                        "0.1.2.3",
                                        "169.254.169.254",
                                        "169.254.0.1",
                                        "169.254.170.2",
                                        "224.0.0.1",
                                        "239.255.255.250",
                                        "240.0.0.1",
                                        "255.255.255.255",
                                        "100.100.100.200",
                                        "168.63.129.16",
                                        "192.0.0.192",
                                        "::",
                                        "fe80::1",
                                        "febf::1",
                                        "ff02::1",
                                        "fd00:ec2::254",
                                        "fd20:ce::254",
                                        "::ffff:169.254.169.254",
                                        "::ffff:0.0.0.0",
                                        "::ffff:0:169.254.169.254",
                                        "::169.254.169.254",
                                        "64:ff9b::169.254.169.254",
                                        "64:ff9b:1::169.254.169.254",
                                        "64:ff9b:1::808:808",
                                        "64:ff9b:1:a9fe:a9:fe00::",
                                        "2002:a9fe:a9fe::1",
                                        "2001:0:a9fe:a9fe::1",
                                        "2001:0:808:808::5601:5601",
                                        "2606:4700::5efe:169.254.169.254",
                                        "fd00::5efe:169.254.169.254"};

/// Names whose answers are mixed, and permissions that are not for this host.
std::vector<SsrfVector> names() {
  return {
      {"a private address behind a public one",
       "http://trap.example/",
       "address_forbidden",
       {"93.184.216.34", "10.0.0.1"}},
      {"a private address before a public one",
       "http://trap.example/",
       "address_forbidden",
       {"10.0.0.1", "93.184.216.34"}},
      {"IPv6 loopback beside public IPv4", "http://trap.example/", "address_forbidden", {"93.184.216.34", "::1"}},
      {"the ninth of nine addresses",
       "http://trap.example/",
       "address_forbidden",
       {"93.184.216.1", "93.184.216.2", "93.184.216.3", "93.184.216.4", "93.184.216.5", "93.184.216.6", "93.184.216.7",
        "93.184.216.8", "127.0.0.1"}},
      {"metadata beside an allowed private one",
       "http://trap.example/",
       "address_forbidden",
       {"10.0.0.1", "169.254.169.254"},
       {"trap.example"}},
      {"a permission of another host", "http://trap.example/", "address_forbidden", {"10.0.0.1"}, {"crm.example"}},
      {"a permission of the address, not of the name",
       "http://trap.example/",
       "address_forbidden",
       {"10.0.0.1"},
       {"10.0.0.1"}},
      {"a permission of another port",
       "http://trap.example:6379/",
       "address_forbidden",
       {"10.0.0.1"},
       {"trap.example:8080"}},
      {"a permission of a port, and the scheme's own",
       "http://127.0.0.1/",
       "address_forbidden",
       {},
       {"127.0.0.1:8080"}},
      {"a permission of the domain above",
       "http://a.trap.example/",
       "address_forbidden",
       {"10.0.0.1"},
       {"trap.example"}},
      {"a permission of a host that ends alike",
       "http://xtrap.example/",
       "address_forbidden",
       {"10.0.0.1"},
       {"trap.example"}},
      {"a name that begins like an address",
       "http://127.0.0.1.trap.example/",
       "address_forbidden",
       {"127.0.0.1"},
       {"127.0.0.1"}},
      {"over TLS", "https://trap.example/", "address_forbidden", {"10.0.0.1"}},
      {"an address over TLS", "https://[::1]:8443/", "address_forbidden"},
      {"in capitals", "HTTP://TRAP.EXAMPLE/", "address_forbidden", {"127.0.0.1"}},
  };
}

}  // namespace

std::vector<SsrfVector> ssrf_vectors() {
  std::vector<SsrfVector> out = disguised_urls();
  add(out, addresses(inner, {}));
  add(out, addresses(never, {}));
  add(out, addresses(never, {"trap.example"}));
  add(out, names());
  return out;
}

}  // namespace settle::test
