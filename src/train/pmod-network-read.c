/* Rows read by a table: normed, multiplied by its rows, and compared with labels. So answers are
 * read by the head, and patches by words. */
#include "pmod-network-private.h"

static void
read_backward (PmodNetwork *self,
               const PmodReading *reading,
               const PmodTensor *x,
               const PmodTensor *normed,
               const PmodTensor *dlogits)
{
  gint64 n = x->shape[0], d = x->shape[1];
  PmodTensor dnormed = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, n, d);
  PmodTensor dx = pmod_network_zeros (self, n, d);

  pmod_linear_backward (self->backend, &dnormed, reading->dtable, NULL, dlogits, normed,
                        reading->table);
  pmod_rmsnorm_backward (self->backend, &dx, reading->dnorm, &dnormed, x, reading->norm,
                         (float)self->weights->config->rms_norm_eps);
  pmod_gather_rows_backward (self->backend, reading->dfrom, &dx, &reading->rows);
}

void
pmod_network_read (PmodNetwork *self, PmodReading *reading)
{
  gint64 n = reading->n, d = reading->from->shape[1];
  gint64 n_out = pmod_matrix_n_out (reading->table);
  int n_products = reading->dfrom == NULL ? 1 : reading->dtable == NULL ? 2 : 3;
  PmodTensor x = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, n, d);
  PmodTensor normed = pmod_arena_2d (self->arena, self->weights->act, n, d);
  PmodTensor logits = pmod_arena_2d (self->arena, PMOD_DTYPE_F32, n, n_out);
  PmodTensor row_loss = pmod_arena_1d (self->arena, PMOD_DTYPE_F32, n);
  PmodTensor summary = pmod_board_1d (self->board, reading->summary, PMOD_DTYPE_F32, 3), argmax;

  argmax = reading->is_told ? pmod_board_1d (self->board, reading->argmax, PMOD_DTYPE_I32, n)
                            : pmod_arena_1d (self->arena, PMOD_DTYPE_I32, n);
  pmod_gather_rows (self->backend, &x, reading->from, &reading->rows);
  pmod_rmsnorm (self->backend, &normed, &x, reading->norm,
                (float)self->weights->config->rms_norm_eps);
  pmod_linear (self->backend, &logits, &normed, reading->table, NULL, PMOD_EPILOGUE_NONE);
  pmod_cross_entropy (self->backend, &summary, &row_loss, &argmax,
                      reading->dfrom != NULL ? &logits : NULL, &logits, &reading->labels,
                      &reading->scales);
  self->flops += 2.0 * (double)(n * d * n_out) * n_products;
  if (reading->dfrom != NULL)
    read_backward (self, reading, &x, &normed, &logits);
}
