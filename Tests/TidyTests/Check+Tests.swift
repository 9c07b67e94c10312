extension Check {
  static let testChecks: [Check] = [
    .ofCodeLines(
      "tests use package access, so that they build in release", holding: ["@testable"]),
    .ofCodeLines(
      "a test is never switched off", holding: [".disabled", ".enabled"], appliesTo: isTestSwift
    ) {
      $0.contains(/\.(disabled|enabled)\s*\(/)
    },
  ]
}
