/* Bytes as the records of a trace; of accepted ones, everything that the accessors give is read. */
#include "pmod-trace.h"

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

static double
read_route (const PmodRecordRoute *route)
{
  double sum = 0;

  for (int i = 0; i < route->n_vision; i++)
    sum += pmod_record_route_logits (route)[i] + pmod_record_route_weights (route)[i] +
           pmod_record_route_kept (route, i);
  return sum;
}

static double
read_token (const PmodRecordToken *token)
{
  double sum = 0;

  for (int i = 0; i < token->n_alternatives; i++)
    sum += token->alternatives[i].logprob;
  for (int i = 0; i < token->text_bytes; i++)
    sum += pmod_record_token_text (token)[i];
  return sum;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  /* g_memdup2() aligns as malloc() does, which reading asks for. */
  g_autofree guint8 *copy = g_memdup2 (data, size);
  g_autoptr (GError) error = NULL;
  const PmodRecord *record;
  volatile double sum = 0;
  gsize offset = 0;

  while (copy && (record = pmod_trace_next (copy, size, &offset, &error)))
    {
      g_assert_cmpuint (offset, <=, size);
      if (record->type == PMOD_RECORD_ROUTE)
        sum = sum + read_route ((const PmodRecordRoute *)record);
      else if (record->type == PMOD_RECORD_TOKEN)
        sum = sum + read_token ((const PmodRecordToken *)record);
    }
  g_assert_true (error != NULL || offset == size);
  return 0;
}
