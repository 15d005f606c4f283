// Makes the packed digits part of the library's read-only data.
  .section .rodata
  .balign 16
  .globl fovea_digits_begin
  .hidden fovea_digits_begin
fovea_digits_begin:
  .incbin FOVEA_DIGITS_FILE
  .globl fovea_digits_end
  .hidden fovea_digits_end
fovea_digits_end:
  .byte 0
  .section .note.GNU-stack, "", %progbits
