import Model
import Testing

/// The hash of bucket partitions, held against the values in Iceberg's specification.
@Suite struct BucketHashTests {
  private func hash(_ text: String) -> Int32 {
    Array(text.utf8).withUnsafeBytes(BucketHash.hash)
  }

  @Test func wholeNumbersHashAsTheSpecificationSays() {
    #expect(BucketHash.hash(34) == 2_017_239_379)
    // A date and an instant, as days and as microseconds; negative results lose their sign.
    #expect(BucketHash.hash(17_486) == Int32(truncatingIfNeeded: -653_330_422 & 0x7FFF_FFFF))
    #expect(
      BucketHash.hash(1_510_871_468_000_000)
        == Int32(truncatingIfNeeded: -2_047_944_441 & 0x7FFF_FFFF))
  }

  @Test func textsHashAsTheSpecificationSays() {
    #expect(hash("iceberg") == 1_210_000_089)
    #expect(hash("") == 0)
    #expect(
      ([0, 1, 2, 3] as [UInt8]).withUnsafeBytes(BucketHash.hash) == -188_683_207 & 0x7FFF_FFFF)
  }
}
