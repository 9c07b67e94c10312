// SimdJSON: to be filled.
