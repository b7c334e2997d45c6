#include "bundler/fetch/exchange.hpp"

#include <algorithm>
#include <cstdlib>
#include <mutex>

#include "bundler/fetch/url.hpp"
#include "installer/base/error.hpp"

namespace eb {
namespace {

// Bodies of redirects and errors are not used; more than this is not even read.
constexpr uint64_t kMaxIgnoredBytes = uint64_t{1} << 20;
constexpr long kReceiveBuffer = 512L << 10;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool has_proxy_in_environment() {
  constexpr const char* kNames[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                    "ALL_PROXY"};
  return std::any_of(std::begin(kNames), std::end(kNames),
                     [](const char* name) { return !environment(name).empty(); });
}

template <typename Value>
void set(CURL* easy, CURLoption option, Value value) {
  const CURLcode code = curl_easy_setopt(easy, option, value);
  if (code != CURLE_OK) {
    throw Error(ExitCode::kInternal, "libcurl does not take an option")
        .why(std::string(curl_easy_strerror(code)) + " (option " + std::to_string(option) + ")");
  }
}

// libcurl itself knows neither variable (the curl program does): CURL_CA_BUNDLE before
// SSL_CERT_FILE, as the program has it.
void set_trust(CURL* easy, const FetchOptions& options) {
  std::string file = options.ca_file;
  if (file.empty()) file = environment("CURL_CA_BUNDLE");
  if (file.empty()) file = environment("SSL_CERT_FILE");
  const std::string directory = options.ca_file.empty() ? environment("SSL_CERT_DIR") : "";
  if (!file.empty()) {
    set(easy, CURLOPT_CAINFO, file.c_str());
    set(easy, CURLOPT_PROXY_CAINFO, file.c_str());
  }
  // A named file is the whole of the trust: libcurl's built-in folder must not widen it.
  if (!file.empty() || !directory.empty()) {
    set(easy, CURLOPT_CAPATH, directory.empty() ? nullptr : directory.c_str());
    set(easy, CURLOPT_PROXY_CAPATH, directory.empty() ? nullptr : directory.c_str());
  }
}

}  // namespace

void initialise_curl() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
      throw Error(ExitCode::kInternal, "libcurl cannot be initialised");
    }
  });
}

bool is_header_line_too_long(CURLcode code) {
  constexpr int kTooLarge = 100;
  return code == CURLE_OUT_OF_MEMORY || static_cast<int>(code) == kTooLarge;
}

Exchange::Exchange() {
  initialise_curl();
  easy_ = curl_easy_init();
  if (easy_ == nullptr) throw Error(ExitCode::kInternal, "libcurl gives no handle");
}

Exchange::~Exchange() {
  curl_easy_cleanup(easy_);
  curl_slist_free_all(headers_);
}

void Exchange::prepare(const ExchangeRequest& request, const FetchOptions& options,
                       BodySink& sink) {
  curl_easy_reset(easy_);
  curl_slist_free_all(headers_);
  headers_ = nullptr;
  error_[0] = '\0';
  sink_ = &sink;
  head_ = {};
  header_bytes_ = 0;
  ignored_bytes_ = 0;
  head_given_ = false;
  code_ = CURLE_OK;
  refusal_.clear();
  fault_ = nullptr;
  may_reach_loopback_ = request.may_reach_loopback;

  std::vector<std::string> lines = request.headers;
  if (!request.decode_gzip) lines.emplace_back("Accept-Encoding: identity");
  if (request.range_from) {
    lines.push_back("Range: bytes=" + std::to_string(*request.range_from) + "-");
    if (!request.if_range.empty()) lines.push_back("If-Range: " + request.if_range);
  }
  for (const std::string& line : lines) {
    curl_slist* grown = curl_slist_append(headers_, line.c_str());
    if (grown == nullptr) throw Error(ExitCode::kInternal, "out of memory");
    headers_ = grown;
  }

  set(easy_, CURLOPT_URL, request.url.c_str());
  set(easy_, CURLOPT_HTTPHEADER, headers_);
  set(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy_, CURLOPT_FOLLOWLOCATION, 0L);  // judge_redirect() decides on every hop
  // One connection a transfer: a single one shared by HTTP/2 streams is slower for large files, and
  // HTTP/1.1 has no header compression to bomb with (F086).
  set(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  if (request.decode_gzip) set(easy_, CURLOPT_ACCEPT_ENCODING, "gzip");
  set(easy_, CURLOPT_USERAGENT, "envbundle/" EB_VERSION);
  set(easy_, CURLOPT_NOSIGNAL, 1L);
  set(easy_, CURLOPT_ERRORBUFFER, error_);
  // Refused while a handle still has the buffer of a connection that failed, which is then in use.
  curl_easy_setopt(easy_, CURLOPT_BUFFERSIZE, kReceiveBuffer);
  set(easy_, CURLOPT_CONNECTTIMEOUT, options.connect_timeout_seconds);
  set(easy_, CURLOPT_LOW_SPEED_LIMIT, options.low_speed_bytes_per_second);
  set(easy_, CURLOPT_LOW_SPEED_TIME, options.low_speed_seconds);
  set(easy_, CURLOPT_TCP_KEEPALIVE, 1L);
  set(easy_, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(easy_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(easy_, CURLOPT_PROXY_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(easy_, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_OPTIONAL));
  if (const std::string netrc = environment("NETRC"); !netrc.empty()) {
    set(easy_, CURLOPT_NETRC_FILE, netrc.c_str());
  }
  set_trust(easy_, options);
  set(easy_, CURLOPT_HEADERFUNCTION, &Exchange::on_header);
  set(easy_, CURLOPT_HEADERDATA, static_cast<void*>(this));
  set(easy_, CURLOPT_WRITEFUNCTION, &Exchange::on_data);
  set(easy_, CURLOPT_WRITEDATA, static_cast<void*>(this));
  set(easy_, CURLOPT_PRIVATE, static_cast<void*>(this));
  // A name may resolve to this machine though it does not look so. Behind a proxy the address is
  // the proxy's, and what lies behind it is the proxy's to guard.
  if (request.is_redirected && !has_proxy_in_environment()) {
    set(easy_, CURLOPT_OPENSOCKETFUNCTION, &Exchange::on_open_socket);
    set(easy_, CURLOPT_OPENSOCKETDATA, static_cast<void*>(this));
  }
}

void Exchange::finish(CURLcode code) {
  code_ = code;
  // An answer without a body is an answer too.
  if (code == CURLE_OK && !head_given_ && (head_.status == 200 || head_.status == 206)) {
    head_given_ = true;
    try {
      refusal_ = sink_->on_head(head_);
    } catch (...) {
      fault_ = std::current_exception();
    }
  }
}

void Exchange::rethrow_fault() const {
  if (fault_) std::rethrow_exception(fault_);
}

std::string Exchange::transport_error() const {
  std::string text = error_[0] != '\0' ? error_ : curl_easy_strerror(code_);
  while (!text.empty() && (text.back() == '\n' || text.back() == '.')) text.pop_back();
  return without_credentials(text);
}

long Exchange::connect_status() const {
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_HTTP_CONNECTCODE, &status);
  return status;
}

std::optional<double> Exchange::retry_after_s() const {
  curl_off_t seconds = 0;
  if (curl_easy_getinfo(easy_, CURLINFO_RETRY_AFTER, &seconds) != CURLE_OK || seconds <= 0) {
    return std::nullopt;
  }
  return static_cast<double>(seconds);
}

bool Exchange::refuse(std::string reason) {
  if (reason.empty()) return false;
  refusal_ = std::move(reason);
  return true;
}

size_t Exchange::on_header(char* data, size_t size, size_t count, void* self) noexcept {
  auto& me = *static_cast<Exchange*>(self);
  const size_t bytes = size * count;
  try {
    me.header_bytes_ += bytes;
    if (me.header_bytes_ > kMaxHeaderBytes) {
      me.refuse("sends more than " + std::to_string(kMaxHeaderBytes >> 10) + " KiB of headers");
      return 0;
    }
    if (me.refuse(take_header_line({data, bytes}, me.head_))) return 0;
  } catch (...) {
    me.fault_ = std::current_exception();
    return 0;
  }
  return bytes;
}

size_t Exchange::on_data(char* data, size_t size, size_t count, void* self) noexcept {
  auto& me = *static_cast<Exchange*>(self);
  const size_t bytes = size * count;
  try {
    if (me.head_.status != 200 && me.head_.status != 206) {
      me.ignored_bytes_ += bytes;
      return me.ignored_bytes_ > kMaxIgnoredBytes ? 0 : bytes;
    }
    if (!me.head_given_) {
      me.head_given_ = true;
      if (me.refuse(me.sink_->on_head(me.head_))) return 0;
    }
    if (me.refuse(me.sink_->on_body(as_bytes({data, bytes})))) return 0;
  } catch (...) {
    me.fault_ = std::current_exception();
    return 0;
  }
  return bytes;
}

curl_socket_t Exchange::on_open_socket(void* self, curlsocktype, curl_sockaddr* address) noexcept {
  auto& me = *static_cast<Exchange*>(self);
  const HostKind kind = address_kind(&address->addr, address->addrlen);
  const bool allowed =
      kind == HostKind::kOrdinary || (kind == HostKind::kLoopback && me.may_reach_loopback_);
  if (!allowed) {
    try {
      me.refuse(kind == HostKind::kLoopback
                    ? "redirects to a name of this machine itself, which is refused"
                    : "redirects to a name with a link-local address, which is refused");
    } catch (...) {
      me.fault_ = std::current_exception();
    }
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

}  // namespace eb
