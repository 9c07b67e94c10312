import Glibc
import Runtime
import Testing

@Suite struct SignalTrapTests {
  @Test func theFirstSignalAsksAndTheSecondEndsTheProcess() async {
    let shutdown = Shutdown()
    let exitCode = OneShot<Int32>()
    let trap = SignalTrap(requesting: shutdown) { exitCode.decide($0) }
    kill(getpid(), SIGTERM)
    await shutdown.wait()
    #expect(shutdown.reason == .signal(SIGTERM))
    kill(getpid(), SIGINT)
    #expect(await exitCode.value() == 130)
    withExtendedLifetime(trap) {}
  }
}
