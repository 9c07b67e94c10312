import CCurl

/// The process-wide part of libcurl.
enum CurlLibrary {
  /// Initialised once, before the first handle, whoever asks first; never torn down, since other
  /// threads may still hold handles when the process ends.
  static let isInitialised: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK
}
