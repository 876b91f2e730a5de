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

bool ag_digest_read(const char *text, ag_digest *digest)
{
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < AG_DIGEST_SIZE; ++i) {
    const char *high = memchr(digits, text[2 * i], 16);
    const char *low = high == NULL ? NULL : memchr(digits, text[2 * i + 1], 16);
    if (low == NULL) return false;
    digest->bytes[i] = (uint8_t)(16 * (high - digits) + (low - digits));
  }
  return text[AG_DIGEST_TEXT_SIZE - 1] == '\0';
}
