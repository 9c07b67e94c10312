import Glibc
import Testing

struct ChildProcessTests {
  @Test func whoGaveUpWaitingLearnsOfTheEndWhenItWaitsAgain() async throws {
    let folder = try TemporaryFolder()
    let child = try await ChildProcess(
      "/usr/bin/sleep", ["600"], environment: [:], output: folder.path + "/log")
    #expect(await child.end(withinSeconds: 0) == .stillRunning)
    #expect(child.isRunning)
    child.send(SIGKILL)
    #expect(await child.end() == .signalled(SIGKILL))
    #expect(await child.end() == .signalled(SIGKILL))
    #expect(!child.isRunning)
  }
}
