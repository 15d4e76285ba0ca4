"""Operations that hold functions, tapes or derivatives of their own."""
