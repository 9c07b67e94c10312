import Runtime

/// The series of a metric with labels, by label values.
///
/// The number of series is bounded: what comes after the bound is counted together under the label
/// value "other", so that no client can fill the memory with names.
package final class MetricFamily<Series: Sendable>: Sendable {
  package static var otherLabel: String { "other" }

  package let labels: [String]
  package let maximumSeries: Int
  private let makeSeries: @Sendable () -> Series
  private let other: Series
  private let state = Lock<(series: [[String]: Series], hasOther: Bool)>(([:], false))

  init(labels: [String], maximumSeries: Int, makeSeries: @escaping @Sendable () -> Series) {
    precondition(!labels.isEmpty && maximumSeries > 0)
    self.labels = labels
    self.maximumSeries = maximumSeries
    self.makeSeries = makeSeries
    other = makeSeries()
  }

  /// The series with these label values, in the order of the labels. Takes a lock: a hot path
  /// keeps what it gets.
  package func with(_ values: String...) -> Series {
    series(values)
  }

  func series(_ values: [String]) -> Series {
    precondition(values.count == labels.count, "the labels are \(labels)")
    return state.withLock { state in
      if let known = state.series[values] { return known }
      guard state.series.count < maximumSeries else {
        state.hasOther = true
        return other
      }
      let series = makeSeries()
      state.series[values] = series
      return series
    }
  }

  /// All series, ordered by their label values; "other" last, if anything was counted there.
  func all() -> [(values: [String], series: Series)] {
    let (series, hasOther) = state.withLock { $0 }
    var all = series.map { (values: $0.key, series: $0.value) }
    all.sort { $0.values.lexicographicallyPrecedes($1.values) }
    if hasOther {
      all.append((labels.map { _ in MetricFamily.otherLabel }, other))
    }
    return all
  }
}
