// OpenSSL would rather be called through EVP, which starts its providers and reads its configuration: megabytes and
// milliseconds for a hash. The plain functions are the same code without them, and are part of every OpenSSL 3.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
