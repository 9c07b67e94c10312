import Consistency
import Model
import Testing

/// Lives of a lake: catalogs that issue numbers, are copied, lost, restored and adopted in any
/// order.
@Suite struct LakeGenerationTests {
  private struct Catalog {
    var generation = LakeGeneration.first
    var head: Int64 = 0
  }

  @Test(arguments: 1...200)
  func noNumberIsEverIssuedTwiceWhateverCopiesAreRestored(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    var catalog = Catalog()
    var served = LakeGeneration.first
    var copies = [catalog]
    var issued: Set<Int64> = []
    for _ in 0..<200 {
      switch Int.random(in: 0..<10, using: &random) {
      case 0: copies.append(catalog)
      case 1:
        catalog = copies.randomElement(using: &random) ?? catalog
        // Perhaps interrupted before the object store knew, and begun again on another copy.
        let isInterrupted = Bool.random(using: &random)
        let next = LakeGeneration.next(catalog: catalog.generation, served: served)
        catalog.head += LakeGeneration.jump(from: catalog.generation, to: next)
        catalog.generation = next
        if isInterrupted {
          // Nobody serves it; whoever adopts another copy takes the same generation.
          catalog = copies.randomElement(using: &random) ?? catalog
          let again = LakeGeneration.next(catalog: catalog.generation, served: served)
          catalog.head += LakeGeneration.jump(from: catalog.generation, to: again)
          catalog.generation = again
        }
        served = catalog.generation
      default:
        for _ in 0..<Int.random(in: 0..<20, using: &random) {
          catalog.head += 1
          #expect(issued.insert(catalog.head).inserted, "\(catalog.head) means two things")
          #expect(catalog.head > LakeGeneration.floor(of: catalog.generation).rawValue)
          #expect(catalog.head < LakeGeneration.floor(of: catalog.generation + 1).rawValue)
        }
      }
    }
  }

  @Test func aTenantOfALaterGenerationBeginsWhereNoneOfALostLifeWas() {
    #expect(LakeGeneration.floor(of: 1) == .none)
    #expect(LakeGeneration.floor(of: 3) == VisibilityToken(2 << 40))
    #expect(LakeGeneration.next(catalog: 1, served: nil) == 2)
    #expect(LakeGeneration.next(catalog: 1, served: 4) == 5)
    #expect(LakeGeneration.jump(from: 1, to: 5) == 4 << 40)
  }
}
