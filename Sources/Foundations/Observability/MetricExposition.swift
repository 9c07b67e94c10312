/// Prometheus text format 0.0.4
/// (prometheus.io/docs/instrumenting/exposition_formats).
struct MetricExposition {
  private(set) var bytes: [UInt8] = []

  /// Adds the metric under each of its names, unless it has no values.
  mutating func add(
    _ description: MetricDescription, _ source: MetricRegistry.Source,
    samples: [[String]: Double], maximumSeries: Int
  ) {
    switch source {
    case .counter(let counter):
      addValues(description, [([], Double(counter.value))])
    case .gauge(let gauge):
      addValues(description, [([], gauge.value)])
    case .histogram(let histogram):
      addHistograms(description, [([], histogram)])
    case .counters(let family):
      addValues(description, family.all().map { ($0.values, Double($0.series.value)) })
    case .gauges(let family):
      addValues(description, family.all().map { ($0.values, $0.series.value) })
    case .histograms(let family):
      addHistograms(description, family.all().map { ($0.values, $0.series) })
    case .sampled:
      addValues(
        description,
        MetricExposition.bounded(samples, by: maximumSeries, overflow: description.overflow))
    }
  }

  /// The samples in the order of their labels, those beyond the bound as one.
  private static func bounded(
    _ samples: [[String]: Double], by maximumSeries: Int, overflow: MetricOverflow
  ) -> [([String], Double)] {
    let ordered = samples.sorted { $0.key.lexicographicallyPrecedes($1.key) }
      .map { ($0.key, $0.value) }
    guard ordered.count > maximumSeries else { return ordered }
    let rest = ordered[maximumSeries...]
    let other = rest.dropFirst().reduce(rest[maximumSeries].1) { overflow.combine($0, $1.1) }
    let labels = rest[maximumSeries].0.map { _ in MetricFamily<Counter>.otherLabel }
    return ordered[..<maximumSeries] + [(labels, other)]
  }

  private mutating func addValues(
    _ description: MetricDescription, _ values: [([String], Double)]
  ) {
    guard !values.isEmpty else { return }
    for name in description.names {
      addHead(name, description)
      for (labelValues, value) in values {
        addLine(name, description.labels, labelValues, value)
      }
    }
  }

  private mutating func addHistograms(
    _ description: MetricDescription, _ series: [([String], Histogram)]
  ) {
    guard !series.isEmpty else { return }
    let snapshots = series.map { ($0.0, $0.1.bounds, $0.1.snapshot()) }
    for name in description.names {
      addHead(name, description)
      for (labelValues, bounds, snapshot) in snapshots {
        let labels = description.labels + ["le"]
        for (bound, count) in zip(bounds + [.infinity], snapshot.cumulativeCounts) {
          addLine(
            name + "_bucket", labels, labelValues + [MetricExposition.number(bound)],
            Double(count))
        }
        addLine(name + "_sum", description.labels, labelValues, snapshot.sum)
        addLine(
          name + "_count", description.labels, labelValues,
          Double(snapshot.cumulativeCounts.last ?? 0))
      }
    }
  }

  private mutating func addHead(_ name: String, _ description: MetricDescription) {
    let help = MetricExposition.escaped(description.help, quote: false)
    append("# HELP \(name) \(help)\n# TYPE \(name) \(description.kind.rawValue)\n")
  }

  private mutating func addLine(
    _ name: String, _ labels: [String], _ values: [String], _ number: Double
  ) {
    append(name)
    for (index, (label, value)) in zip(labels, values).enumerated() {
      append(index == 0 ? "{" : ",")
      append("\(label)=\"\(MetricExposition.escaped(value, quote: true))\"")
    }
    append(labels.isEmpty ? " " : "} ")
    append(MetricExposition.number(number))
    append("\n")
  }

  private mutating func append(_ text: String) {
    bytes.append(contentsOf: text.utf8)
  }

  private static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    if let integer = Int64(exactly: value) { return String(integer) }
    return String(value)
  }

  private static func escaped(_ text: String, quote: Bool) -> String {
    guard text.utf8.contains(where: { $0 == 0x5C || $0 == 0x0A || $0 == 0x22 }) else {
      return text
    }
    var escaped = ""
    for character in text.unicodeScalars {
      switch character {
      case "\\": escaped += #"\\"#
      case "\n": escaped += #"\n"#
      case "\"" where quote: escaped += #"\""#
      default: escaped.unicodeScalars.append(character)
      }
    }
    return escaped
  }
}
