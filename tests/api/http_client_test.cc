#include "api/http/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <optional>

#include "http_fixture.h"
#include "tests/support/certificates.h"

namespace settle {
namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;
using test::TestServer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr Duration patience{10'000};

/// Accepts one connection after the other, reads a request's header and answers fixed bytes; with TLS when given a
/// certificate.
class FixedServer {
 public:
  FixedServer(int connections, std::string answer, const test::Certificate* certificate = nullptr)
      : acceptor_(loop_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)) {
    if (certificate != nullptr) {
      tls_.emplace(boost::asio::ssl::context::tls_server);
      tls_->use_certificate(boost::asio::buffer(certificate->certificate), boost::asio::ssl::context::pem);
      tls_->use_private_key(boost::asio::buffer(certificate->key), boost::asio::ssl::context::pem);
    }
    thread_ = std::thread([this, connections, answer = std::move(answer)] {
      for (int i = 0; i < connections; ++i) serve(answer);
    });
  }
  ~FixedServer() { thread_.join(); }
  std::string port() const { return std::to_string(acceptor_.local_endpoint().port()); }

 private:
  void serve(const std::string& answer) {
    error_code ec;
    tcp::socket socket(loop_);
    acceptor_.accept(socket, ec);
    if (!tls_) return talk(socket, answer);
    boost::asio::ssl::stream<tcp::socket&> stream(socket, *tls_);
    stream.handshake(boost::asio::ssl::stream_base::server, ec);
    if (ec) return;
    talk(stream, answer);
    stream.shutdown(ec);
  }

  template <class Stream>
  void talk(Stream& stream, const std::string& answer) {
    error_code ec;
    std::string request;
    boost::asio::read_until(stream, boost::asio::dynamic_buffer(request), "\r\n\r\n", ec);
    boost::asio::write(stream, boost::asio::buffer(answer), ec);
  }

  boost::asio::io_context loop_;
  tcp::acceptor acceptor_;
  std::optional<boost::asio::ssl::context> tls_;
  std::thread thread_;
};

// A port on which nobody listens.
std::string free_port() {
  boost::asio::io_context loop;
  tcp::acceptor acceptor(loop, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  return std::to_string(acceptor.local_endpoint().port());
}

// Answers everything that it was sent, as text.
void describe(HttpRequest request, std::unique_ptr<Responder> responder) {
  HttpResponse response;
  response.status = request.path == "/missing" ? 404 : 200;
  response.body = request.method + " " + request.path;
  for (const auto& [name, value] : request.query) response.body += " " + name + "=" + value;
  for (const char* name : {"authorization", "content-type", "content-length", "x-extra"}) {
    if (const std::string* value = request.header(name)) response.body += "\n" + std::string(name) + ": " + *value;
  }
  response.body += "\n\n" + request.body;
  response.headers.emplace_back("X-Answer", "Yes");
  responder->send(std::move(response));
}

TEST(HttpClient, SendsARequestAndGivesTheReply) {
  TestServer server({}, describe);
  HttpClient client(server.url() + "/base/", "secret", patience);
  const auto reply = client.call("POST", "/v1/x%20y?a=b%26c", "{}", {{"X-Extra", "1"}});
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->body,
            "POST /base/v1/x y a=b&c\nauthorization: Bearer secret\ncontent-type: application/json\ncontent-length: 2\n"
            "x-extra: 1\n\n{}");
  ASSERT_NE(reply->header("x-answer"), nullptr);
  EXPECT_EQ(*reply->header("x-answer"), "Yes");
}

TEST(HttpClient, SendsNoTokenAndNoBodyWhenThereIsNone) {
  TestServer server({}, describe);
  HttpClient client(server.url(), "", patience);
  EXPECT_EQ(client.call("GET", "/a")->body, "GET /a\n\n");
  EXPECT_EQ(client.call("POST", "/a")->body, "POST /a\ncontent-length: 0\n\n");
  EXPECT_EQ(client.call("PUT", "/a", "x", {{"content-type", "text/plain"}})->body,
            "PUT /a\ncontent-type: text/plain\ncontent-length: 1\n\nx");
  EXPECT_EQ(client.call("HEAD", "/a")->body, "");
}

TEST(HttpClient, GivesRefusalsAsReplies) {
  TestServer server({}, describe);
  EXPECT_EQ(HttpClient(server.url(), "", patience).call("GET", "/missing")->status, 404);
}

TEST(HttpClient, ReadsTheRefusalOfABodyThatIsTooLarge) {
  TestServer server({}, describe);
  const auto reply = HttpClient(server.url(), "", patience).call("POST", "/", std::string(3 << 20, 'x'));
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 413);
}

TEST(HttpClient, ReadsALargeReply) {
  TestServer server({}, [](HttpRequest, std::unique_ptr<Responder> responder) {
    HttpResponse response;
    response.body = std::string(5 << 20, 'x');
    responder->send(std::move(response));
  });
  EXPECT_EQ(HttpClient(server.url(), "", patience).call("GET", "/")->body.size(), 5U << 20);
}

TEST(HttpClient, NamesTheAddressAndTheRemedyWhenNobodyAnswers) {
  const std::string url = "http://127.0.0.1:" + free_port();
  const auto reply = HttpClient(url, "", patience).call("GET", "/");
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::unreachable);
  EXPECT_THAT(reply.error().message, HasSubstr(url));
  EXPECT_THAT(reply.error().message, HasSubstr("settle serve"));
}

TEST(HttpClient, GivesUpWhenTheAnswerDoesNotComeInTime) {
  std::unique_ptr<Responder> held;
  TestServer server({}, [&](HttpRequest, std::unique_ptr<Responder> responder) { held = std::move(responder); });
  const auto reply = HttpClient(server.url(), "", Duration(50)).call("GET", "/");
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::unreachable);
  server.on_loop([&] { held.reset(); });
}

TEST(HttpClient, UnderstandsAnswersAsRfc9112FramesThem) {
  struct Row {
    const char* name;
    std::string answer;
    std::string want;  ///< the body, or "!" and a part of the error
  };
  const Row rows[] = {
      {"a length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", "ab"},
      {"no reason", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nab", "ab"},
      {"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\nT: 1\r\n\r\n",
       "abc"},
      {"to the end", "HTTP/1.1 200 OK\r\n\r\nab", "ab"},
      {"an interim answer", "HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
       "a"},
      {"no content", "HTTP/1.1 204 No Content\r\n\r\n", ""},
      {"cut in the header", "HTTP/1.1 200 OK\r\nContent-", "!middle of the answer"},
      {"cut in the body", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", "!middle of the answer"},
      {"cut in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", "!middle of the answer"},
      {"cut between chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
       "!middle of the answer"},
      {"nothing", "", "!middle of the answer"},
      {"another protocol", "220 mail.example ESMTP\r\n", "!not HTTP"},
      {"a wrong length", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nab", "!not HTTP"},
      {"a wrong chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "!not HTTP"},
      {"a field without colon", "HTTP/1.1 200 OK\r\nabc\r\n\r\n", "!not HTTP"},
      {"an endless header", "HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x') + "\r\n\r\n", "!too large"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    FixedServer server(1, row.answer);
    const auto reply = HttpClient("http://127.0.0.1:" + server.port(), "", patience).call("GET", "/");
    ASSERT_EQ(static_cast<bool>(reply), !row.want.starts_with('!'));
    if (reply) {
      EXPECT_EQ(reply->body, row.want);
    } else {
      EXPECT_THAT(reply.error().message, HasSubstr(row.want.substr(1)));
    }
  }
}

TEST(HttpClient, RefusesWhatCanNotBeSent) {
  for (const char* url : {"", "127.0.0.1:8700", "ftp://a", "http://", "http://a b", "http://u@a", "http://a?b",
                          "http://a:x", "http://[::1", "http://:80"}) {
    SCOPED_TRACE(url);
    const auto reply = HttpClient(url, "", patience).call("GET", "/");
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, ErrorCode::invalid_argument);
  }
  HttpClient client("http://127.0.0.1:1", "", patience);
  EXPECT_EQ(client.call("GET", "v1").error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(client.call("GET", "/a b").error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(client.call("GET", "/", std::nullopt, {{"X", "a\r\nb"}}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(HttpClient("http://127.0.0.1:1", "a\r\nb", patience).call("GET", "/").error().code,
            ErrorCode::invalid_argument);
}

TEST(HttpClient, GivesTheLinesOfAStreamHoweverTheyWereCut) {
  TestServer server({}, [](HttpRequest request, std::unique_ptr<Responder> responder) {
    HttpResponse head;
    head.content_type = *request.header("accept");
    const auto stream = responder->stream(std::move(head));
    for (const char* piece : {"id: 1\nda", "ta: x\r", "\n\nid: 2\n", "not ended"}) stream->write(piece);
  });
  std::vector<std::string> lines;
  const auto reply =
      HttpClient(server.url(), "", patience).stream("/", {{"Accept", "text/event-stream"}}, [&](std::string_view line) {
        lines.emplace_back(line);
        return true;
      });
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(*reply->header("content-type"), "text/event-stream");
  EXPECT_THAT(lines, ElementsAre("id: 1", "data: x", "", "id: 2"));
}

TEST(HttpClient, LeavesAStreamWhenItIsToldTo) {
  std::shared_ptr<HttpStream> open;
  bool gone = false;
  TestServer server({}, [&](HttpRequest, std::unique_ptr<Responder> responder) {
    open = responder->stream({});
    open->on_close([&] { gone = true; });
    open->write("1\n2\n3\n");
  });
  int lines = 0;
  ASSERT_TRUE(HttpClient(server.url(), "", patience).stream("/", {}, [&](std::string_view) { return ++lines < 2; }));
  EXPECT_EQ(lines, 2);
  EXPECT_TRUE(server.reaches([&] { return gone; }));
  server.on_loop([&] { open.reset(); });
}

TEST(HttpClient, GivesTheReplyInsteadOfLinesWhenAStreamIsRefused) {
  TestServer server({}, describe);
  const auto reply = HttpClient(server.url(), "", patience).stream("/missing", {}, [](std::string_view) {
    ADD_FAILURE();
    return true;
  });
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 404);
  EXPECT_THAT(reply->body, HasSubstr("GET /missing"));
}

TEST(HttpClient, ReportsAStreamThatIsCutOff) {
  FixedServer server(1, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab\n\r\n");
  int lines = 0;
  const auto reply =
      HttpClient("http://127.0.0.1:" + server.port(), "", patience).stream("/", {}, [&](std::string_view) {
        ++lines;
        return true;
      });
  EXPECT_EQ(lines, 1);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::unreachable);
}

TEST(HttpClient, SpeaksTlsOnlyWithAServerWhoseCertificateFits) {
  const auto authority = test::make_authority("Settle test");
  const test::TemporaryFile trusted(authority.certificate);
  ASSERT_EQ(::setenv("SSL_CERT_FILE", trusted.path().c_str(), 1), 0);
  struct Row {
    const char* name;
    test::Certificate certificate;
    std::string want;  ///< the body, or "!" and a part of the error
  };
  const Row rows[] = {
      {"a good one", test::make_certificate("IP:127.0.0.1", &authority), "ab"},
      {"another name", test::make_certificate("DNS:elsewhere.example", &authority), "!certificate"},
      {"an expired one", test::make_certificate("IP:127.0.0.1", &authority, true), "!certificate"},
      {"one signed by itself", test::make_certificate("IP:127.0.0.1", nullptr), "!certificate"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    FixedServer server(1, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", &row.certificate);
    const auto reply = HttpClient("https://127.0.0.1:" + server.port(), "secret", patience).call("GET", "/");
    ASSERT_EQ(static_cast<bool>(reply), !row.want.starts_with('!')) << (reply ? "" : reply.error().message);
    if (reply) {
      EXPECT_EQ(reply->body, row.want);
    } else {
      EXPECT_THAT(reply.error().message, HasSubstr(row.want.substr(1)));
    }
  }
  ::unsetenv("SSL_CERT_FILE");
}

TEST(HttpClient, ReportsAServerThatDoesNotSpeakTls) {
  FixedServer server(1, "HTTP/1.1 400 Bad Request\r\n\r\n\r\n\r\n");
  const auto reply = HttpClient("https://127.0.0.1:" + server.port(), "", Duration(500)).call("GET", "/");
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::unreachable);
}

}  // namespace
}  // namespace settle
