/// Where an upload stands in its register.
///
/// `staging` → `named` → `settled`, or `staging` → `abandoned`. Only the last of each may lose its
/// files.
package enum UploadPhase: Int64, Sendable {
  /// Files are being put; its lease runs.
  case staging = 0
  /// A segment refers to the files.
  case named = 1
  /// No segment can name it any more.
  case abandoned = 2
  /// A snapshot holds its events.
  case settled = 3
}
