import Runtime
import WorkerProtocol

extension WorkerPool {
  /// Lets a bound worker attempt an operation that its sandbox must refuse.
  ///
  /// - Returns: 0 when it worked, else the errno value.
  /// - Throws: `workerLost` unless `answersProbes` is set.
  package func probe(
    _ operation: String, path: String, tenant: TenantBinding, deadline: MonotonicInstant
  ) async throws(WorkerError) -> Int32 {
    let (ticket, (id, process)) = try await worker(for: tenant, deadline: deadline)
    process.send(ProbeMessage(operation: operation, path: path))
    guard let frame = await process.mailbox.next(), frame.kind == .probed,
      let answer = try? ProbedMessage(decoding: frame.body)
    else {
      finish(id, ticket, process, reusable: false)
      throw .workerLost
    }
    finish(id, ticket, process, reusable: true)
    return answer.errorNumber
  }
}
