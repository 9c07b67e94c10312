import CCurl
import Glibc

/// Sets a libcurl handle's options and remembers whether any was refused.
struct EasyOptions {
  private let easy: UnsafeMutableRawPointer
  private(set) var areSet = true

  init(_ easy: UnsafeMutableRawPointer) {
    self.easy = easy
  }

  mutating func set(_ settings: HTTPClient.Settings, timeoutMs: Int) {
    text(CURLOPT_PROTOCOLS_STR, "http,https")
    number(CURLOPT_FOLLOWLOCATION, 0)
    number(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
    number(CURLOPT_NOSIGNAL, 1)
    number(CURLOPT_TIMEOUT_MS, timeoutMs)
    number(CURLOPT_CONNECTTIMEOUT_MS, min(settings.connectTimeoutMs, timeoutMs))
    text(CURLOPT_USERAGENT, settings.userAgent)
  }

  /// Keeps pointers to `body`, `file` and `headers`, which must outlive the exchange.
  mutating func set(
    _ request: PreparedRequest, body: UnsafeRawBufferPointer, file: BodyFile?,
    headers: UnsafeMutablePointer<curl_slist>?
  ) {
    text(CURLOPT_URL, request.url)
    if request.isLoopback { text(CURLOPT_PROXY, "") }
    check(ccurl_set_list(easy, CURLOPT_HTTPHEADER, headers))
    if request.method == "HEAD" {
      number(CURLOPT_NOBODY, 1)
      return
    }
    if request.hasBody {
      number(CURLOPT_POST, 1)
      if let file {
        // libcurl reads it itself where no function is set.
        check(ccurl_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, file.byteCount))
        check(ccurl_set_pointer(easy, CURLOPT_READDATA, file.pointer))
        text(CURLOPT_CUSTOMREQUEST, request.method)
        return
      }
      check(ccurl_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, body.count))
      if let start = body.baseAddress, !body.isEmpty {
        check(
          ccurl_set_pointer(easy, CURLOPT_POSTFIELDS, UnsafeMutableRawPointer(mutating: start)))
      } else {
        // Without any pointer libcurl would read the body from standard input.
        text(CURLOPT_COPYPOSTFIELDS, "")
      }
    } else {
      number(CURLOPT_HTTPGET, 1)
    }
    text(CURLOPT_CUSTOMREQUEST, request.method)
  }

  private mutating func text(_ option: CURLoption, _ value: String) {
    check(ccurl_set_text(easy, option, value))
  }

  private mutating func number(_ option: CURLoption, _ value: Int) {
    check(ccurl_set_long(easy, option, value))
  }

  private mutating func check(_ code: CURLcode) {
    if code != CURLE_OK { areSet = false }
  }
}
