#include "framing_vectors.h"

namespace settle::test {
namespace {

using namespace std::string_literals;

// A request with these fields after Host, and this body.
std::string post(const std::string& fields, const std::string& body = "") {
  return "POST /v1/workflows HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" + body;
}
std::string get(const std::string& target, const std::string& fields = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}
std::string line(const std::string& request_line) {
  return request_line + "\r\nHost: a\r\n\r\n";
}
std::string chunked(const std::string& body) {
  return post("Transfer-Encoding: chunked\r\n", body);
}
std::string many_fields(int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += "x:\r\n";
  return out;
}

const std::string next = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";

std::vector<FramingVector> good() {
  return {
      {"a plain GET", get("/"), {200}},
      {"two requests in a row", get("/a") + next, {200, 200}},
      {"HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", {200}},
      {"a body by length", post("Content-Length: 2\r\n", "{}") + next, {200, 200}},
      {"a length of zero", post("Content-Length: 0\r\n") + next, {200, 200}},
      {"a length with leading zeros", post("Content-Length: 002\r\n", "{}") + next, {200, 200}},
      {"POST without length has no body", post("") + next, {200, 200}},
      {"a chunked body", chunked("2\r\n{}\r\n0\r\n\r\n") + next, {200, 200}},
      {"chunk sizes in both cases", chunked("0A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n") + next, {200, 200}},
      {"an empty chunked body", chunked("0\r\n\r\n") + next, {200, 200}},
      {"a last chunk of several zeros", chunked("000\r\n\r\n") + next, {200, 200}},
      {"a GET with a body", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx" + next, {200, 200}},
      {"names in any case", "GET / HTTP/1.1\r\nhOsT: a\r\ncontent-LENGTH: 1\r\n\r\nx" + next, {200, 200}},
      {"white space around a value", post("Content-Length: \t 1 \t\r\n", "x") + next, {200, 200}},
      {"one empty line in front", "\r\n" + get("/") + "\r\n" + next, {200, 200}},
      {"an absolute target of the same host", get("http://A/x") + next, {200, 200}},
      {"an absolute target without path", get("http://a?b=c"), {200}},
      {"OPTIONS *", line("OPTIONS * HTTP/1.1"), {200}},
      {"a percent-encoded path", get("/v1/%C3%BC%2Fb"), {200}},
      {"a host with a port", "GET / HTTP/1.1\r\nHost: a.example:8700\r\n\r\n", {200}},
      {"an IPv6 host", "GET / HTTP/1.1\r\nHost: [::1]:8700\r\n\r\n", {200}},
      {"bytes beyond ASCII in a value", get("/", "X-Name: J\xc3\xbcrgen\r\n"), {200}},
      {"an expectation that the body overtakes", post("Expect: 100-Continue\r\nContent-Length: 1\r\n", "x"), {200}},
      {"64 fields", get("/", many_fields(63)), {200}},
      {"a body at the limit", post("Content-Length: 65536\r\n", std::string(65536, 'x')) + next, {200, 200}},
      {"a body that is not complete", post("Content-Length: 3\r\n", "ab"), {waits}},
      {"a header that is not complete", "GET / HTTP/1.1\r\nHost: a\r\n", {waits}},
      {"a chunk that is not complete", chunked("3\r\nab"), {waits}},
  };
}

std::vector<FramingVector> bad_lengths() {
  return {
      {"transfer-encoding and length", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), {400}},
      {"length and transfer-encoding", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), {400}},
      {"an unknown coding with a length", post("Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n", "{}"), {400}},
      {"chunked, identity", post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"), {400}},
      {"identity", post("Transfer-Encoding: identity\r\n"), {400}},
      {"gzip, chunked", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), {400}},
      {"identity and chunked on two lines",
       post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
       {400}},
      {"chunked twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), {400}},
      {"Chunked in another case", post("Transfer-Encoding: Chunked\r\n", "0\r\n\r\n"), {400}},
      {"chunked with a parameter", post("Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n"), {400}},
      {"chunked in quotation marks", post("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"), {400}},
      {"chunked with a vertical tab",
       post("Transfer-Encoding: \x0b"
            "chunked\r\n",
            "0\r\n\r\n"),
       {400}},
      {"an empty transfer-encoding", post("Transfer-Encoding:\r\n"), {400}},
      {"chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}},
      {"a folded transfer-encoding", post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"), {400}},
      {"two equal lengths", post("Content-Length: 2\r\nContent-Length: 2\r\n", "{}"), {400}},
      {"two different lengths", post("Content-Length: 2\r\nContent-Length: 3\r\n", "{}x"), {400}},
      {"a list of lengths", post("Content-Length: 2, 2\r\n", "{}"), {400}},
      {"a length with a plus sign", post("Content-Length: +2\r\n", "{}"), {400}},
      {"a negative length", post("Content-Length: -2\r\n", "{}"), {400}},
      {"a hexadecimal length", post("Content-Length: 0x2\r\n", "{}"), {400}},
      {"a length with a space", post("Content-Length: 1 1\r\n", "{}"), {400}},
      {"a length with a fraction", post("Content-Length: 2.0\r\n", "{}"), {400}},
      {"an empty length", post("Content-Length:\r\n", "{}"), {400}},
      {"a length that overflows", post("Content-Length: 18446744073709551618\r\n", "{}"), {400}},
      {"a length beyond the limit", post("Content-Length: 65537\r\n"), {413}},
      {"a huge length", post("Content-Length: 999999999999999999\r\n"), {413}},
      {"a length beyond the limit with an expectation",
       post("Expect: 100-continue\r\nContent-Length: 65537\r\n"),
       {413}},
      {"chunks beyond the limit", chunked("ffff\r\n" + std::string(65535, 'x') + "\r\n2\r\n"), {413}},
      {"one chunk beyond the limit", chunked("10001\r\n"), {413}},
  };
}

std::vector<FramingVector> bad_chunks() {
  return {
      {"a chunk without size", chunked("\r\n{}\r\n0\r\n\r\n"), {400}},
      {"a chunk size that is no number", chunked("g\r\n{}\r\n0\r\n\r\n"), {400}},
      {"a chunk size with 0x", chunked("0x2\r\n{}\r\n0\r\n\r\n"), {400}},
      {"a negative chunk size", chunked("-2\r\n{}\r\n0\r\n\r\n"), {400}},
      {"a space in front of a chunk size", chunked(" 2\r\n{}\r\n0\r\n\r\n"), {400}},
      {"a space behind a chunk size", chunked("2 \r\n{}\r\n0\r\n\r\n"), {400}},
      {"a chunk extension", chunked("2;a=b\r\n{}\r\n0\r\n\r\n"), {400}},
      {"a chunk extension with LF", chunked("2;\n{}\r\n0\r\n\r\n"), {400}},
      {"a chunk size that ends with LF", chunked("2\n{}\r\n0\r\n\r\n"), {400}},
      {"a chunk size that ends with CR", chunked("2\r{}\r\n0\r\n\r\n"), {400}},
      {"a chunk size of nine digits", chunked("000000002\r\n{}\r\n0\r\n\r\n"), {400}},
      {"a chunk longer than its size", chunked("2\r\n{}x\r\n0\r\n\r\n"), {400}},
      {"a chunk that ends with LF", chunked("2\r\n{}\n0\r\n\r\n"), {400}},
      {"a chunk that ends with CR", chunked("2\r\n{}\rx0\r\n\r\n"), {400}},
      {"a trailer", chunked("0\r\nX-Trailer: 1\r\n\r\n"), {400}},
      {"a length in the trailer", chunked("2\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n"), {400}},
      {"a body that ends with LF", chunked("0\r\n\n"), {400}},
      {"a body that ends with CR and more", chunked("0\r\n\rx"), {400}},
  };
}

std::vector<FramingVector> bad_lines() {
  return {
      {"a line that ends with LF", "GET / HTTP/1.1\nHost: a\n\n", {400}},
      {"a field that ends with LF", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", {400}},
      {"an empty line of LF", "GET / HTTP/1.1\r\nHost: a\r\n\n", {400}},
      {"CR without LF in a value", get("/", "X: a\rb\r\n"), {400}},
      {"CR CR LF", get("/", "X: a\r\r\n"), {400}},
      {"NUL in a value", get("/", "X: a\0b\r\n"s), {400}},
      {"NUL in a name", get("/", "X\0: a\r\n"s), {400}},
      {"a control byte in a value", get("/", "X: a\x01\r\n"), {400}},
      {"DEL in a value", get("/", "X: a\x7f\r\n"), {400}},
      {"a space in front of the colon", get("/", "X : a\r\n"), {400}},
      {"a tab in front of the colon", get("/", "X\t: a\r\n"), {400}},
      {"a space in a name", get("/", "X Y: a\r\n"), {400}},
      {"an empty name", get("/", ": a\r\n"), {400}},
      {"no colon", get("/", "X\r\n"), {400}},
      {"a name beyond ASCII", get("/", "X\xc3\xbc: a\r\n"), {400}},
      {"a name with a parenthesis", get("/", "X(: a\r\n"), {400}},
      {"a folded field", get("/", "X: a\r\n b\r\n"), {400}},
      {"a first field that is folded", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", {400}},
      {"two empty lines in front", "\r\n\r\n" + get("/"), {400}},
      {"LF in front", "\n" + get("/"), {400}},
      {"65 fields", get("/", many_fields(64)), {431}},
      {"a header beyond the limit", get("/", "X: " + std::string(9000, 'x') + "\r\n"), {431}},
      {"a target beyond the limit", get("/" + std::string(9000, 'x')), {431}},
      {"a TLS client hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s, {400}},
  };
}

std::vector<FramingVector> bad_request_lines() {
  return {
      {"HTTP/0.9", "GET /\r\n", {400}},
      {"HTTP/1.2", line("GET / HTTP/1.2"), {505}},
      {"HTTP/2.0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {505}},
      {"a version in lower case", line("GET / http/1.1"), {400}},
      {"a version of two digits", line("GET / HTTP/1.10"), {400}},
      {"no version", line("GET / "), {400}},
      {"two spaces in front of the target", line("GET  / HTTP/1.1"), {400}},
      {"two spaces behind the target", line("GET /  HTTP/1.1"), {400}},
      {"a space behind the version", line("GET / HTTP/1.1 "), {400}},
      {"a space in front of the method", line(" GET / HTTP/1.1"), {400}},
      {"a tab instead of a space", line("GET\t/ HTTP/1.1"), {400}},
      {"a space in the target", line("GET /a b HTTP/1.1"), {400}},
      {"a method that is no token", line("G(T / HTTP/1.1"), {400}},
      {"a method in lower case", line("get / HTTP/1.1"), {501}},
      {"CONNECT", line("CONNECT a:443 HTTP/1.1"), {501}},
      {"TRACE", line("TRACE / HTTP/1.1"), {501}},
      {"no Host", "GET / HTTP/1.1\r\n\r\n", {400}},
      {"two Hosts", get("/", "Host: a\r\n"), {400}},
      {"two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", {400}},
      {"an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", {400}},
      {"a Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", {400}},
      {"a Host with user information", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", {400}},
      {"a Host with a list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", {400}},
      {"a Host with a port of letters", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", {400}},
  };
}

std::vector<FramingVector> bad_targets() {
  return {
      {"a target beyond ASCII", get("/\xc3\xbc"), {400}},
      {"a target without slash", get("v1"), {400}},
      {"a query alone", get("?a=b"), {400}},
      {"a star for GET", get("*"), {400}},
      {"an absolute target of another host", get("http://b/"), {400}},
      {"an absolute target with another port", get("http://a:80/"), {400}},
      {"an absolute target with user information", get("http://u@a/"), {400}},
      {"an absolute target with https", get("https://a/"), {400}},
      {"an absolute target without Host", "GET http:/// HTTP/1.0\r\n\r\n", {400}},
      {"a fragment", get("/a#b"), {400}},
      {"a backslash", get("/a\\b"), {400}},
      {"a bracket in the path", get("/a[b"), {400}},
      {"a quotation mark in the query", get("/?a=\""), {400}},
      {"a percent sign alone", get("/%"), {400}},
      {"one digit behind the percent sign", get("/%4"), {400}},
      {"no digits behind the percent sign", get("/%zz"), {400}},
      {"an encoded NUL", get("/a%00"), {400}},
      {"an encoded NUL in the query", get("/?a=%00"), {400}},
      {"an encoded line feed", get("/a%0A"), {400}},
      {"an encoded byte that is no UTF-8", get("/%FF"), {400}},
      {"an overlong encoding", get("/%C0%AF"), {400}},
      {"a surrogate", get("/%ED%A0%80"), {400}},
      {"dot segments", get("/a/../b"), {400}},
      {"encoded dot segments", get("/a/%2e%2E/b"), {400}},
      {"dot segments behind encoded slashes", get("/a%2F..%2Fb"), {400}},
      {"a single dot", get("/a/./b"), {400}},
      {"dots at the end", get("/a/.."), {400}},
      {"an empty segment", get("//a"), {400}},
      {"an empty segment by an encoded slash", get("/a/%2Fb"), {400}},
  };
}

std::vector<FramingVector> bad_fields() {
  return {
      {"an unknown expectation", post("Expect: 200-ok\r\nContent-Length: 1\r\n", "x"), {417}},
      {"two expectations", post("Expect: 100-continue\r\nExpect: 100-continue\r\n"), {400}},
      {"a compressed body", post("Content-Encoding: gzip\r\nContent-Length: 1\r\n", "x"), {415}},
      {"two tokens", get("/", "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"), {400}},
      {"two idempotency keys", post("Idempotency-Key: a\r\nIdempotency-Key: b\r\n"), {400}},
      {"a request behind a refused one is not read", get("/%00") + next, {400}},
      {"a refusal behind a good request", get("/") + line("GET / HTTP/1.2") + next, {200, 505}},
  };
}

}  // namespace

const std::vector<FramingVector>& framing_vectors() {
  static const std::vector<FramingVector> all = [] {
    std::vector<FramingVector> out;
    for (const auto& part :
         {good(), bad_lengths(), bad_chunks(), bad_lines(), bad_request_lines(), bad_targets(), bad_fields()}) {
      out.insert(out.end(), part.begin(), part.end());
    }
    return out;
  }();
  return all;
}

}  // namespace settle::test
