/* SHA-256 by OpenSSL's libcrypto, which uses the CPU's own instructions for it. */
#include "advgrid/base.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

ag_status ag_digest_compute(const void *bytes, size_t size, ag_digest *digest)
{
  unsigned length = 0;
  if (EVP_Digest(bytes, size, digest->bytes, &length, EVP_sha256(), NULL) != 1 ||
      length != AG_DIGEST_SIZE) {
    return ag_fail(AG_OUT_OF_MEMORY, "SHA-256 of %zu bytes failed", size);
  }
  return AG_OK;
}

void ag_digest_text(const ag_digest *digest, char out[AG_DIGEST_TEXT_SIZE])
{
  for (size_t i = 0; i < AG_DIGEST_SIZE; ++i) {
    snprintf(out + 2 * i, 3, "%02x", (unsigned)digest->bytes[i]);
  }
}

/* The value of a hexadecimal digit, -1 for any other character. */
static int digit_value(char c)
{
  static const char digits[] = "0123456789abcdef";
  const char *at = c == '\0' ? NULL : strchr(digits, c);
  return at == NULL ? -1 : (int)(at - digits);
}

bool ag_digest_read(const char *text, ag_digest *digest)
{
  for (size_t i = 0; i < AG_DIGEST_SIZE; ++i) {
    const int high = digit_value(text[2 * i]);
    const int low = high < 0 ? -1 : digit_value(text[2 * i + 1]);
    if (low < 0) return false;
    digest->bytes[i] = (uint8_t)(16 * high + low);
  }
  return text[AG_DIGEST_TEXT_SIZE - 1] == '\0';
}
