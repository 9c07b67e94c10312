extension Check {
  static let testChecks: [Check] = [
    .ofCodeLines("tests use package access, so that they build in release", appliesTo: isSwift) {
      $0.contains("@testable")
    },
    .ofCodeLines("a test is never switched off", appliesTo: isTestSwift) {
      $0.contains(/\.(disabled|enabled)\s*\(/)
    },
  ]
}
