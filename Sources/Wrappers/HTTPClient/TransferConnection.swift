import CCurl

/// A worker's libcurl handles, reused so that the connection is kept between requests.
final class TransferConnection {
  private let settings: HTTPClient.Settings
  private let multi: MultiHandle
  private let easy: UnsafeMutableRawPointer

  init?(settings: HTTPClient.Settings) {
    guard let multi = MultiHandle(), let easy = curl_easy_init() else { return nil }
    self.settings = settings
    self.multi = multi
    self.easy = easy
  }

  deinit {
    curl_easy_cleanup(easy)
  }

  /// Runs one exchange to its end on this thread. The transfer is not completed here.
  func perform(_ transfer: Transfer) -> Transfer.Outcome {
    guard transfer.begin(on: multi) else { return .failure(.cancelled) }
    let remaining = ContinuousClock.now.duration(to: transfer.request.deadline)
    let remainingMs = Int(remaining / .milliseconds(1))
    guard remainingMs > 0 else { return .failure(.timedOut(requestSent: false)) }
    curl_easy_reset(easy)
    let receiver = ResponseReceiver(
      sink: transfer.sink, maximumBodyBytes: settings.maximumResponseBytes)
    let file = transfer.request.bodyPath.flatMap(BodyFile.init(path:))
    if transfer.request.bodyPath != nil, file == nil {
      return .failure(
        .transferFailed(
          code: Int(CURLE_READ_ERROR.rawValue), detail: "the file of the body cannot be read"))
    }
    return transfer.request.body.withUnsafeBytes { body in
      var list: UnsafeMutablePointer<curl_slist>?
      defer { curl_slist_free_all(list) }
      for line in transfer.request.headerLines {
        guard let longer = curl_slist_append(list, line) else {
          return .failure(.resourcesExhausted)
        }
        list = longer
      }
      var options = EasyOptions(easy)
      options.set(settings, timeoutMs: remainingMs)
      options.set(transfer.request, body: body, file: file, headers: list)
      guard options.areSet else { return .failure(.resourcesExhausted) }
      return withExtendedLifetime((receiver, file)) { exchange(transfer, receiver: receiver) }
    }
  }

  private func exchange(_ transfer: Transfer, receiver: ResponseReceiver) -> Transfer.Outcome {
    let context = Unmanaged.passUnretained(receiver).toOpaque()
    ccurl_set_callback(easy, CURLOPT_WRITEFUNCTION, receiveBody)
    ccurl_set_pointer(easy, CURLOPT_WRITEDATA, context)
    ccurl_set_callback(easy, CURLOPT_HEADERFUNCTION, receiveHeader)
    ccurl_set_pointer(easy, CURLOPT_HEADERDATA, context)
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(CURL_ERROR_SIZE)) { text in
      text.initialize(repeating: 0)
      guard let textStart = text.baseAddress else { return .failure(.resourcesExhausted) }
      ccurl_set_pointer(easy, CURLOPT_ERRORBUFFER, textStart)
      defer { ccurl_set_pointer(easy, CURLOPT_ERRORBUFFER, nil) }
      guard let code = drive(transfer) else {
        return .failure(transfer.stopReason ?? .resourcesExhausted)
      }
      if let failure = receiver.failure { return .failure(failure) }
      guard code == CURLE_OK else {
        return .failure(failure(code, detail: String(cString: textStart)))
      }
      // libcurl takes a head that was cut short for an answer without a body.
      guard receiver.headIsComplete else {
        return .failure(.connectionLost(detail: "the head of the response is incomplete"))
      }
      return .success(receiver.response())
    }
  }

  /// Moves the exchange along until it ends; nil when it was stopped or libcurl gave up.
  private func drive(_ transfer: Transfer) -> CURLcode? {
    guard curl_multi_add_handle(multi.pointer, easy) == CURLM_OK else { return nil }
    // Removing an unfinished exchange closes its connection.
    defer { curl_multi_remove_handle(multi.pointer, easy) }
    while transfer.stopReason == nil {
      var running: Int32 = 0
      guard curl_multi_perform(multi.pointer, &running) == CURLM_OK else { return nil }
      var result = CURLE_OK
      if ccurl_multi_take_result(multi.pointer, &result) { return result }
      guard curl_multi_poll(multi.pointer, nil, 0, 10_000, nil) == CURLM_OK else { return nil }
    }
    return nil
  }

  private func failure(_ code: CURLcode, detail: String) -> HTTPClientError {
    let text = detail.isEmpty ? String(cString: curl_easy_strerror(code)) : detail
    switch code {
    case CURLE_OPERATION_TIMEDOUT:
      var sentBytes = 0
      ccurl_get_long(easy, CURLINFO_REQUEST_SIZE, &sentBytes)
      return .timedOut(requestSent: sentBytes > 0)
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY:
      return .cannotResolve(detail: text)
    case CURLE_COULDNT_CONNECT:
      return .cannotConnect(detail: text)
    case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM,
      CURLE_SSL_CIPHER, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR:
      return .tlsFailed(detail: text)
    case CURLE_GOT_NOTHING, CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_PARTIAL_FILE:
      return .connectionLost(detail: text)
    case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_BAD_CONTENT_ENCODING:
      return .malformedResponse(detail: text)
    case CURLE_OUT_OF_MEMORY:
      return .resourcesExhausted
    default:
      return .transferFailed(code: Int(code.rawValue), detail: text)
    }
  }
}

private func receiveBody(
  _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
  _ context: UnsafeMutableRawPointer?
) -> Int {
  guard let context else { return 0 }
  let receiver = Unmanaged<ResponseReceiver>.fromOpaque(context).takeUnretainedValue()
  let chunk = UnsafeRawBufferPointer(start: bytes, count: size * count)
  // Any other number than the count given makes libcurl end the exchange.
  return receiver.takeBody(chunk) ? chunk.count : -1
}

private func receiveHeader(
  _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
  _ context: UnsafeMutableRawPointer?
) -> Int {
  guard let context else { return 0 }
  let receiver = Unmanaged<ResponseReceiver>.fromOpaque(context).takeUnretainedValue()
  let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
  return receiver.takeHeaderLine(line) ? line.count : -1
}
