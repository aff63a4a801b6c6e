using System.Runtime.Intrinsics;

namespace DynamicFs.Erasure;

/// <summary>
/// A matrix of coefficients, prepared for one kernel: makes <see cref="Rows"/> outputs of <see cref="Columns"/> inputs. Immutable, so any number of
/// threads may apply it at once.
/// </summary>
internal sealed unsafe class CodingMatrix
{
    private readonly CodingKernel _kernel;
    private readonly byte[] _coefficients;
    private readonly byte[] _entries;

    public CodingMatrix(CodingKernel kernel, byte[] coefficients, int columns)
    {
        (_kernel, _coefficients, Columns, Rows) = (kernel, coefficients, columns, coefficients.Length / columns);
        _entries = kernel switch
        {
            CodingKernel.Gfni512 => Prepare<Gfni512Lane, Vector512<byte>>(coefficients),
            CodingKernel.Gfni256 => Prepare<Gfni256Lane, Vector256<byte>>(coefficients),
            CodingKernel.Avx2 => Prepare<Avx2Lane, Vector256<byte>>(coefficients),
            CodingKernel.Vector128 => Prepare<Vector128Lane, Vector128<byte>>(coefficients),
            _ => [],
        };
    }

    public int Rows { get; }
    public int Columns { get; }

    /// <summary><paramref name="inputs"/> has Columns, <paramref name="outputs"/> Rows pointers to <paramref name="lengthBytes"/> bytes each.</summary>
    public void Apply(byte** inputs, byte** outputs, int lengthBytes)
    {
        fixed (byte* entries = _entries)
        {
            switch (_kernel)
            {
                case CodingKernel.Gfni512 when lengthBytes >= Vector512<byte>.Count:
                    CodingLoop<Gfni512Lane, Vector512<byte>>.Run(entries, Columns, Rows, inputs, outputs, lengthBytes);
                    break;
                case CodingKernel.Gfni256 when lengthBytes >= Vector256<byte>.Count:
                    CodingLoop<Gfni256Lane, Vector256<byte>>.Run(entries, Columns, Rows, inputs, outputs, lengthBytes);
                    break;
                case CodingKernel.Avx2 when lengthBytes >= Vector256<byte>.Count:
                    CodingLoop<Avx2Lane, Vector256<byte>>.Run(entries, Columns, Rows, inputs, outputs, lengthBytes);
                    break;
                case CodingKernel.Vector128 when lengthBytes >= Vector128<byte>.Count:
                    CodingLoop<Vector128Lane, Vector128<byte>>.Run(entries, Columns, Rows, inputs, outputs, lengthBytes);
                    break;
                default:
                    ApplyScalar(inputs, outputs, lengthBytes);
                    break;
            }
        }
    }

    private static byte[] Prepare<TLane, TVector>(byte[] coefficients)
        where TLane : struct, ICodingLane<TVector>
        where TVector : unmanaged
    {
        var entries = new byte[coefficients.Length * TLane.EntryBytes];
        fixed (byte* start = entries)
        {
            for (int i = 0; i < coefficients.Length; i++)
                TLane.WriteEntry(coefficients[i], start + (i * TLane.EntryBytes));
        }

        return entries;
    }

    private void ApplyScalar(byte** inputs, byte** outputs, int lengthBytes)
    {
        for (int row = 0; row < Rows; row++)
        {
            for (int at = 0; at < lengthBytes; at++)
            {
                byte sum = 0;
                for (int column = 0; column < Columns; column++)
                    sum ^= GaloisField.Multiply(_coefficients[(row * Columns) + column], inputs[column][at]);
                outputs[row][at] = sum;
            }
        }
    }
}
