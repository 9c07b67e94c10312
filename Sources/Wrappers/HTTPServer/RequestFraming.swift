/// How long a request's body is, decided from all header fields at once.
///
/// The HTTP library looks at the first field of a name only, so everything that would let two
/// readers disagree is refused here.
struct RequestFraming: Equatable, Sendable {
  enum Body: Equatable, Sendable {
    case none
    case length(Int)
    case chunked
  }

  let body: Body
  let expectsContinue: Bool

  private static let host = "host"
  private static let expect = "expect"
  private static let contentLength = "content-length"
  private static let transferEncoding = "transfer-encoding"

  init(
    method: HTTPMethod, target: HTTPRequestTarget, headers: HTTPHeaders, isHTTP10: Bool
  ) throws(HTTPFramingFault) {
    try Self.checkMethod(method)
    var hosts = 0
    var length: Int?
    var isChunked = false
    var expectsContinue = false
    for field in headers.fields {
      try Self.checkBytes(field, headers.bytes)
      switch field.name.count {
      case Self.host.utf8.count where headers.isNamed(field, Self.host):
        hosts += 1
        try Self.checkHost(headers.bytes[headers.trimmed(field.value)], target.authority)
      case Self.expect.utf8.count where headers.isNamed(field, Self.expect):
        expectsContinue = true
      case Self.contentLength.utf8.count where headers.isNamed(field, Self.contentLength):
        guard length == nil else { throw .severalContentLengths }
        length = try Self.number(headers.bytes[field.value])
      case Self.transferEncoding.utf8.count where headers.isNamed(field, Self.transferEncoding):
        let isKnown = Self.isChunked(headers.bytes[field.value])
        guard isKnown, !isChunked, !isHTTP10 else { throw .unsupportedTransferEncoding }
        isChunked = true
      default: break
      }
    }
    guard hosts < 2 else { throw .severalHosts }
    guard hosts == 1 || isHTTP10 else { throw .missingHost }
    guard !(isChunked && length != nil) else { throw .contentLengthAndTransferEncoding }
    self.expectsContinue = expectsContinue
    body = isChunked ? .chunked : length.flatMap { $0 > 0 ? .length($0) : nil } ?? .none
  }

  private static func checkMethod(_ method: HTTPMethod) throws(HTTPFramingFault) {
    let utf8 = method.name.utf8
    guard !utf8.isEmpty, utf8.count <= HTTPMethod.longestNameBytes,
      utf8.allSatisfy(ASCII.isTokenByte)
    else { throw .invalidMethod }
  }

  private static func checkBytes(_ field: HTTPHeaders.Field, _ bytes: [UInt8])
    throws(HTTPFramingFault)
  {
    // A blank before the colon lands here too: others read "Content-Length : 5" as a length.
    guard !field.name.isEmpty, bytes[field.name].allSatisfy(ASCII.isTokenByte) else {
      throw .invalidFieldName
    }
    let isClean = bytes[field.value].allSatisfy {
      $0 >= 0x20 && $0 != 0x7F || $0 == UInt8(ascii: "\t")
    }
    guard isClean else { throw .invalidFieldValue }
  }

  private static func checkHost(_ value: ArraySlice<UInt8>, _ authority: String?)
    throws(HTTPFramingFault)
  {
    let forbidden = Array(" \t,/?#@\\".utf8)
    guard !value.contains(where: { forbidden.contains($0) || $0 >= 0x80 }) else {
      throw .invalidHost
    }
    guard let authority else { return }
    let isSame =
      authority.utf8.count == value.count
      && zip(authority.utf8, value).allSatisfy { ASCII.lowercased($0) == ASCII.lowercased($1) }
    guard isSame else { throw .invalidHost }
  }

  private static func number(_ value: ArraySlice<UInt8>) throws(HTTPFramingFault) -> Int {
    // No blanks, signs or lists; 18 digits cannot overflow.
    guard !value.isEmpty, value.count <= 18, value.allSatisfy(ASCII.isDigit) else {
      throw .invalidContentLength
    }
    return value.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
  }

  private static func isChunked(_ value: ArraySlice<UInt8>) -> Bool {
    let chunked = "chunked".utf8
    return value.count == chunked.count
      && zip(value, chunked).allSatisfy { ASCII.lowercased($0) == $1 }
  }
}
