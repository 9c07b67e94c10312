import Runtime

/// All metrics of a process, and their exposition as Prometheus text.
///
/// Metrics are declared once at start (`DuckMeshMetrics`); declaring a name twice is our own bug.
package final class MetricRegistry: Sendable {
  /// The bound on series of one metric: routes times statuses, or tenants.
  package static let defaultMaximumSeries = 1_000

  /// The `Content-Type` of `render()`.
  package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  enum Source: Sendable {
    case counter(Counter)
    case gauge(Gauge)
    case histogram(Histogram)
    case counters(MetricFamily<Counter>)
    case gauges(MetricFamily<Gauge>)
    case histograms(MetricFamily<Histogram>)
    case sampled
  }

  private struct State {
    var metrics: [(description: MetricDescription, source: Source)] = []
    var names: Set<String> = []
    var collectors: [@Sendable (inout MetricSamples) -> Void] = []
  }

  package let maximumSeries: Int
  private let state = Lock(State())

  package init(maximumSeries: Int = MetricRegistry.defaultMaximumSeries) {
    self.maximumSeries = maximumSeries
  }

  /// All metrics in the order of their declaration.
  package var descriptions: [MetricDescription] {
    state.withLock { $0.metrics.map(\.description) }
  }

  /// Adds a function that is asked for the values of sampled metrics at each scrape, on the thread
  /// that renders. It should answer from memory.
  package func addCollector(_ collector: @escaping @Sendable (inout MetricSamples) -> Void) {
    state.withLock { $0.collectors.append(collector) }
  }

  package func counter(_ names: String..., help: String) -> Counter {
    let counter = Counter()
    add(MetricDescription(names: names, kind: .counter, help: help), .counter(counter))
    return counter
  }

  package func counters(
    _ names: String..., labels: [String], help: String
  ) -> MetricFamily<Counter> {
    let family = MetricFamily(labels: labels, maximumSeries: maximumSeries) { Counter() }
    add(
      MetricDescription(names: names, kind: .counter, help: help, labels: labels),
      .counters(family))
    return family
  }

  package func gauge(_ names: String..., help: String) -> Gauge {
    let gauge = Gauge()
    add(MetricDescription(names: names, kind: .gauge, help: help), .gauge(gauge))
    return gauge
  }

  package func gauges(_ names: String..., labels: [String], help: String) -> MetricFamily<Gauge> {
    let family = MetricFamily(labels: labels, maximumSeries: maximumSeries) { Gauge() }
    add(MetricDescription(names: names, kind: .gauge, help: help, labels: labels), .gauges(family))
    return family
  }

  package func histogram(_ names: String..., bounds: [Double], help: String) -> Histogram {
    let histogram = Histogram(bounds: bounds)
    add(MetricDescription(names: names, kind: .histogram, help: help), .histogram(histogram))
    return histogram
  }

  package func histograms(
    _ names: String..., labels: [String], bounds: [Double], help: String
  ) -> MetricFamily<Histogram> {
    let family = MetricFamily(labels: labels, maximumSeries: maximumSeries) {
      Histogram(bounds: bounds)
    }
    add(
      MetricDescription(names: names, kind: .histogram, help: help, labels: labels),
      .histograms(family))
    return family
  }

  /// A metric whose values collectors give.
  package func sampled(
    _ names: String..., kind: MetricKind = .gauge, labels: [String] = [],
    overflow: MetricOverflow = .sum, help: String
  ) -> SampledMetric {
    precondition(kind != .histogram, "a sample is one number")
    let index = add(
      MetricDescription(names: names, kind: kind, help: help, labels: labels, overflow: overflow),
      .sampled)
    return SampledMetric(index: index, labels: labels)
  }

  /// The exposition in the text format 0.0.4.
  ///
  /// Sampled metrics without a value and families without a series are left out.
  ///
  /// - Parameter collect: values that were gathered for this scrape alone.
  package func render(adding collect: (inout MetricSamples) -> Void = { _ in }) -> [UInt8] {
    let (metrics, collectors) = state.withLock { ($0.metrics, $0.collectors) }
    var samples = MetricSamples()
    for collector in collectors {
      collector(&samples)
    }
    collect(&samples)
    var exposition = MetricExposition()
    for (index, metric) in metrics.enumerated() {
      exposition.add(
        metric.description, metric.source, samples: samples.values[index] ?? [:],
        maximumSeries: maximumSeries)
    }
    return exposition.bytes
  }

  @discardableResult
  private func add(_ description: MetricDescription, _ source: Source) -> Int {
    state.withLock { state in
      for name in description.names {
        precondition(state.names.insert(name).inserted, "\(name) is declared twice")
      }
      state.metrics.append((description, source))
      return state.metrics.count - 1
    }
  }
}
