/* SHA-256 against the vectors of FIPS 180-4's examples, and digests as text. */
#include "support/fixture.h"

static void assert_digest(const void *bytes, size_t size, const char *expected)
{
  ag_digest digest;
  char text[AG_DIGEST_TEXT_SIZE];
  assert_int_equal(ag_digest_compute(bytes, size, &digest), AG_OK);
  ag_digest_text(&digest, text);
  assert_string_equal(text, expected);
}

static void gives_the_known_answers(void **state)
{
  (void)state;
  enum { MILLION = 1000000 };
  char *million = (char *)test_bytes(MILLION);
  memset(million, 'a', MILLION);
  assert_digest("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  assert_digest("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert_digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  assert_digest(million, MILLION,
                "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  free(million);
}

static void text_comes_back(void **state)
{
  (void)state;
  ag_digest digest, again;
  char text[AG_DIGEST_TEXT_SIZE];
  for (size_t i = 0; i < AG_DIGEST_SIZE; ++i)
    digest.bytes[i] = (uint8_t)(i * 37 + 5);
  digest.bytes[0] = 0;
  digest.bytes[31] = 255;
  ag_digest_text(&digest, text);
  assert_int_equal(strlen(text), AG_DIGEST_TEXT_SIZE - 1);
  assert_true(ag_digest_read(text, &again));
  assert_memory_equal(digest.bytes, again.bytes, AG_DIGEST_SIZE);
}

static void other_text_is_refused(void **state)
{
  (void)state;
  const char good[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  ag_digest digest;
  assert_true(ag_digest_read(good, &digest));
  assert_false(ag_digest_read("", &digest));
  for (size_t length = 1; length < sizeof good - 1; ++length) {
    char *shorter = (char *)test_bytes(length + 1); /* exact, so that reading beyond it shows */
    memcpy(shorter, good, length);
    assert_false(ag_digest_read(shorter, &digest));
    free(shorter);
  }
  assert_false(
      ag_digest_read("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad0", &digest));
  const char wrong[] = {'g', ' ', '-', 'A', 'x', '\n'};
  for (size_t i = 0; i < sizeof wrong; ++i) {
    for (size_t place = 0; place < sizeof good - 1; ++place) {
      char text[sizeof good];
      memcpy(text, good, sizeof text);
      text[place] = wrong[i];
      assert_false(ag_digest_read(text, &digest));
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gives_the_known_answers),
      cmocka_unit_test(text_comes_back),
      cmocka_unit_test(other_text_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
