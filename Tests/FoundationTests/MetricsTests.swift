import Observability
import Runtime
import Testing

private func text(_ registry: MetricRegistry) -> String {
  String(decoding: registry.render(), as: UTF8.self)
}

@Suite struct MetricsTests {
  @Test func aCounterIsExposedUnderAllItsNames() {
    let registry = MetricRegistry()
    let counter = registry.counter("new_total", "old_total", help: "A \\ and\na line.")
    counter.increment()
    counter.increment(by: 4)
    #expect(
      text(registry) == """
        # HELP new_total A \\\\ and\\na line.
        # TYPE new_total counter
        new_total 5
        # HELP old_total A \\\\ and\\na line.
        # TYPE old_total counter
        old_total 5

        """)
  }

  @Test func aHistogramsBucketsAreCumulativeAndIncludeTheirBound() {
    let registry = MetricRegistry()
    let histogram = registry.histogram("latency_ms", bounds: [0.5, 10], help: "Time.")
    for value in [0.5, 0.6, 10, 10.5, .nan, .infinity] { histogram.observe(value) }
    let (counts, _) = histogram.snapshot()
    #expect(counts == [1, 3, 5])
    #expect(text(registry).contains(#"latency_ms_bucket{le="0.5"} 1"#))
    #expect(text(registry).contains(#"latency_ms_bucket{le="10"} 3"#))
    #expect(text(registry).contains(#"latency_ms_bucket{le="+Inf"} 5"#))
    #expect(text(registry).contains("latency_ms_sum +Inf\nlatency_ms_count 5\n"))
  }

  @Test func labelValuesAreEscaped() {
    let registry = MetricRegistry()
    registry.counters("a_total", labels: ["x", "y"], help: "A.").with("q\"\\\n", "é").increment()
    #expect(text(registry).contains(#"a_total{x="q\"\\\n",y="é"} 1"#))
  }

  @Test func seriesBeyondTheBoundAreCountedTogether() {
    let registry = MetricRegistry(maximumSeries: 2)
    let family = registry.counters("a_total", labels: ["route"], help: "A.")
    for route in ["/a", "/b", "/c", "/d", "/a"] { family.with(route).increment() }
    let lines = text(registry).split(separator: "\n").filter { !$0.hasPrefix("#") }
    #expect(
      lines == [#"a_total{route="/a"} 2"#, #"a_total{route="/b"} 1"#, #"a_total{route="other"} 2"#])
  }

  @Test func samplesBeyondTheBoundAreSummedOrTheirMaximumTaken() {
    let registry = MetricRegistry(maximumSeries: 1)
    let count = registry.sampled("count", labels: ["tenant"], help: "A.")
    let lag = registry.sampled("lag", labels: ["tenant"], overflow: .maximum, help: "A.")
    registry.addCollector { samples in
      for (index, tenant) in ["a", "b", "c"].enumerated() {
        samples.set(count, index, labels: tenant)
        samples.set(lag, index, labels: tenant)
      }
    }
    let lines = text(registry).split(separator: "\n").filter { !$0.hasPrefix("#") }
    #expect(
      lines == [
        #"count{tenant="a"} 0"#, #"count{tenant="other"} 3"#, #"lag{tenant="a"} 0"#,
        #"lag{tenant="other"} 2"#,
      ])
  }

  @Test func countsFromManyTasksAreAllThere() async {
    let counter = MetricRegistry().counter("a_total", help: "A.")
    let histogram = Histogram(bounds: [1, 2])
    let gauge = MetricRegistry().gauge("g", help: "A.")
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          for _ in 0..<1_000 {
            counter.increment()
            histogram.observe(1.5)
            gauge.add(1)
          }
        }
      }
    }
    #expect(counter.value == 8_000)
    #expect(histogram.snapshot().cumulativeCounts == [0, 8_000, 8_000])
    #expect(histogram.snapshot().sum == 12_000)
    #expect(gauge.value == 8_000)
  }

  @Test func everyNameOfTheSpecificationIsDeclared() {
    let registry = MetricRegistry()
    _ = DuckMeshMetrics(registry: registry)
    let declared = Set(registry.descriptions.flatMap(\.names))
    let specified = """
      ingest_requests_total ingest_records_total ingest_duplicates_total ingest_ack_latency_ms
      duckmesh_ingest_requests_total duckmesh_ingest_records_total
      duckmesh_ingest_duplicates_total duckmesh_ingest_ack_latency_ms visibility_lag_ms
      latest_visibility_token consistency_timeout_total duckmesh_visibility_lag_ms
      duckmesh_latest_visibility_token duckmesh_consistency_timeout_total
      duckmesh_write_to_visible_latency_ms duckmesh_ingest_lag_events claim_batch_size
      claim_retries_total commit_batch_latency_ms snapshot_publish_failures_total
      query_requests_total query_latency_ms query_scanned_files query_scanned_bytes
      compaction_runs_total compaction_bytes_rewritten gc_files_deleted_total
      integrity_runs_total integrity_files_checked_total integrity_missing_files_total
      integrity_size_mismatch_files_total duckmesh_compaction_runs_total
      duckmesh_compaction_bytes_rewritten_total duckmesh_gc_files_deleted_total
      duckmesh_integrity_runs_total duckmesh_integrity_files_checked_total
      duckmesh_integrity_missing_files_total duckmesh_integrity_size_mismatch_files_total
      """
    let missing = specified.split(whereSeparator: \.isWhitespace).map(String.init)
      .filter { !declared.contains($0) }
    #expect(missing == [])
  }

  @Test func theAccountingShowsAnImbalance() {
    let registry = MetricRegistry()
    let metrics = DuckMeshMetrics(registry: registry)
    registry.addCollector { samples in
      samples.set(
        metrics.accounting,
        EventAccounting(acknowledged: 10, applied: 6, deadLettered: 1, pending: 2), tenant: "t")
    }
    #expect(text(registry).contains(#"duckmesh_accounting_imbalance_events{tenant="t"} 1"#))
    #expect(
      text(registry).contains(
        #"duckmesh_accounting_events{tenant="t",state="dead_lettered"} 1"#))
  }

  @Test func theProcessIsMeasured() throws {
    let statistics = try #require(ProcessStatistics.read())
    #expect(statistics.residentMemoryBytes > 1 << 20)
    #expect(statistics.virtualMemoryBytes >= statistics.residentMemoryBytes)
    #expect(statistics.openFiles >= 3)
    #expect(statistics.threads >= 1)
    #expect(statistics.maximumOpenFiles >= statistics.openFiles)
  }
}
