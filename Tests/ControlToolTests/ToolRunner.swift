import ControlTool
import Dispatch
import Glibc
import Synchronization

/// What one run of the tool did.
struct ToolOutcome: Sendable {
  var exitCode: ExitCode
  var output: String
  var errors: String
}

/// Runs the tool as the program does, on a thread of its own.
///
/// Without `input` its standard input stays open for what `onStart` arranges.
func runTool(
  _ arguments: [String], url: String = "http://127.0.0.1:9", input: String? = "",
  environment: [String: String] = [:], stop: StopSignal = StopSignal(), isTerminal: Bool = false,
  outputIsClosed: Bool = false, onStart: (InputPipe) -> Void = { _ in }
) async throws -> ToolOutcome {
  let output = Collector()
  let errors = Collector()
  let pipe = try InputPipe()
  if let input {
    pipe.write(input)
    pipe.end()
  }
  onStart(pipe)
  let environment = environment.merging(["DUCKMESH_URL": url]) { given, _ in given }
  let exitCode = await withCheckedContinuation { continuation in
    DispatchQueue(label: "tool").async {
      let console = Console(
        input: pipe.readEnd, output: outputIsClosed ? closedWriter : output.writer(),
        errors: errors.writer(),
        outputIsTerminal: isTerminal)
      let exitCode = ControlTool.run(
        arguments, environment: environment, console: console, stop: stop)
      continuation.resume(returning: exitCode)
    }
  }
  return ToolOutcome(exitCode: exitCode, output: output.text, errors: errors.text)
}

/// A pipe whose reader has gone.
private let closedWriter = OutputWriter {
  (_: UnsafeRawBufferPointer) throws(OutputWriter.Failure) in throw .closed
}

/// Keeps what was written.
final class Collector: Sendable {
  private let bytes = Mutex<[UInt8]>([])

  func writer() -> OutputWriter {
    OutputWriter { [self] (chunk: UnsafeRawBufferPointer) throws(OutputWriter.Failure) in
      bytes.withLock { $0.append(contentsOf: chunk) }
    }
  }

  var text: String { bytes.withLock { String(decoding: $0, as: UTF8.self) } }
}

/// Standard input as a pipe.
final class InputPipe: Sendable {
  struct SetupFailure: Error {}

  let readEnd: Int32
  private let writeEnd: Int32

  init() throws {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw SetupFailure() }
    readEnd = ends[0]
    writeEnd = ends[1]
  }

  deinit {
    close(readEnd)
  }

  /// Writes a text that fits the pipe.
  func write(_ text: String) {
    let bytes = Array(text.utf8)
    _ = bytes.withUnsafeBytes { Glibc.write(writeEnd, $0.baseAddress, $0.count) }
  }

  /// The reader meets the end. Called once.
  func end() {
    close(writeEnd)
  }
}

/// Makes a file that is removed when the closure has ended.
func withFile<Result: Sendable>(
  _ bytes: [UInt8], name: String = "data.csv", _ body: (_ path: String) async throws -> Result
) async throws -> Result {
  var template = Array("/tmp/duckmeshctl-test-XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else { throw InputPipe.SetupFailure() }
  let folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  let path = folder + "/" + name
  let file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
  guard file >= 0 else { throw InputPipe.SetupFailure() }
  _ = bytes.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
  close(file)
  defer {
    unlink(path)
    rmdir(folder)
  }
  return try await body(path)
}
