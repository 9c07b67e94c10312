/// A metric whose values are not kept but asked for at each scrape, from a collector.
package struct SampledMetric: Sendable {
  let index: Int
  package let labels: [String]
}

/// Where collectors put their values during a scrape.
package struct MetricSamples {
  private(set) var values: [Int: [[String]: Double]] = [:]

  init() {}

  /// Gives a value for one series of the metric; the last one given counts.
  package mutating func set(
    _ metric: SampledMetric, _ value: Double, labels: String...
  ) {
    precondition(labels.count == metric.labels.count, "the labels are \(metric.labels)")
    values[metric.index, default: [:]][labels] = value
  }

  package mutating func set(
    _ metric: SampledMetric, _ value: some BinaryInteger, labels: String...
  ) {
    precondition(labels.count == metric.labels.count, "the labels are \(metric.labels)")
    values[metric.index, default: [:]][labels] = Double(value)
  }
}
