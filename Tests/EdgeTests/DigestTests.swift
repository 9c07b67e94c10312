import Digest
import Testing

@Suite struct DigestTests {
  /// From FIPS 180-4's examples.
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ])
  func agreesWithThePublishedExamples(_ text: String, _ hexadecimal: String) {
    let digest = SHA256.digest(of: Array(text.utf8))
    #expect(digest.hexadecimal == hexadecimal)
    #expect(digest.bytes.count == 32)
  }

  @Test func piecesGiveTheDigestOfTheWholeAndTheHasherStartsAfresh() {
    let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    var hasher = SHA256()
    for _ in 0..<2 {
      for piece in stride(from: 0, to: bytes.count, by: 77) {
        hasher.update(Array(bytes[piece..<min(piece + 77, bytes.count)]))
      }
      #expect(hasher.finish() == SHA256.digest(of: bytes))
    }
    #expect(hasher.finish() == SHA256.digest(of: []))
  }
}
