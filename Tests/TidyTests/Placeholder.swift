import Testing
@Test func c() { #expect(1 == 1) }
